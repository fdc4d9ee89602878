"""Writes the index of the aliases, MCP hosts and presets of all entries anew: `python tests/other_names.py`."""

import json
import tomllib
from pathlib import Path

SERVICES = Path(__file__).parents[1] / "everyauth_cli" / "services"


def index(catalogue):
    """The text of the index of a directory of entries."""
    aliases, presets, hosts = {}, {}, {}
    for path in catalogue.glob("*.toml"):
        entry = tomllib.loads(path.read_text(encoding="utf-8"))
        tables = entry.get("presets", {})
        hosts |= dict.fromkeys(entry.get("mcp_hosts", ()), path.stem)
        presets |= dict.fromkeys(tables, path.stem)
        aliases |= {alias: path.stem for named in (entry, *tables.values()) for alias in named.get("aliases", ())}
    # One name on a line, in the order of the alphabet: two changes seldom meet.
    return json.dumps({"aliases": aliases, "mcp_hosts": hosts, "presets": presets}, indent=0, sort_keys=True) + "\n"


if __name__ == "__main__":
    (SERVICES / "other_names.json").write_text(index(SERVICES / "catalogue"), encoding="utf-8")
