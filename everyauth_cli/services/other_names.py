"""The aliases, presets and MCP hosts of all shipped services in one file, so that to find one needs no other file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path

INDEX = Path(__file__).with_name("other_names.json")
"""Made from the entries by `tests/other_names.py`."""
ALIASES, PRESETS, MCP_HOSTS = "aliases", "presets", "mcp_hosts"


@cache
def _index() -> Mapping[str, Mapping[str, str]]:
    """Read the names of each kind, each with the name of its service."""
    found: dict[str, dict[str, str]] = json.loads(INDEX.read_text(encoding="utf-8"))
    return found


def service_of(name: str) -> str | None:
    """Return the name of the shipped service that has this alias or preset."""
    return _index()[ALIASES].get(name) or _index()[PRESETS].get(name)


def service_at(host: str) -> str | None:
    """Return the name of the shipped service that has an MCP server at this host."""
    return _index()[MCP_HOSTS].get(host)


def shipped_presets() -> Mapping[str, str]:
    """Return the names of all shipped presets, each with the name of its service."""
    return _index()[PRESETS]
