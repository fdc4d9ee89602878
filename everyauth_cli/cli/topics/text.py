"""The text of a topic, in the markup of the manual pages, which `man.page` describes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from everyauth_cli.services.fields import default_of
from everyauth_cli.services.keys import KEYS
from everyauth_cli.services.part_keys import Key

EXAMPLE = "    "
BREAK = "  \n"
"""Ends a line of a term's explanation that is not joined with the next."""
TERM = re.compile(r"(?P<term>.+)\n: (?P<about>(?:.+\n?)+)")
HEADING = re.compile(r"^(\.TH|#) .*\n", re.MULTILINE)


def topic_text(name: str) -> str:
    """Return a topic; that of the service files lists the keys of a file."""
    text = (Path(__file__).parent / f"{name}.in").read_text(encoding="utf-8")
    return text.strip().replace("{keys}", "\n\n".join(_key(key, about) for key, about in KEYS.items()))


def blocks(text: str) -> Iterator[str]:
    """Yield the parts of a text that blank lines separate; a heading is one of its own."""
    yield from re.sub(HEADING, r"\g<0>\n", text).strip().split("\n\n")


def _key(key: str, about: Key) -> str:
    default = default_of(key)
    kind = f"Type: {about.reader.type}." + ("" if default is None else f" Default: `{default}`.")
    example = [f"Example: `{key} = {about.example}`"] if about.example else []
    return f"{key}\n: {BREAK.join([about.help, kind, *example])}"
