"""The command tree, or as much of it as a command line needs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib import import_module

import typer

from everyauth_cli.cli.app import app
from everyauth_cli.cli.typer_internals import in_order

COMMANDS: dict[str, list[str]] = {
    "demo": [],
    "login": [],
    "token": [],
    "status": [],
    "logout": [],
    "service": ["ls", "get", "export", "set", "add", "rm", "log"],
    "store": ["use", "status", "move", "rotate-key"],
    "identity": ["ls", "get", "rm", "refresh", "check"],
    "alerts": ["set", "status", "off", "test"],
    "sandbox": [],
    "completion": [],
}
"""The commands and the groups, with the commands of each, in the order of the help."""


HELP = ("--help", "-h")
TAKES_VALUE = ("-p", "--profile", "-o", "--output")
"""The common options that are followed by a value."""


def tree(line: Sequence[str] | None = None) -> typer.Typer:
    """Return the tree's root with the commands that a command line names, or with all of them."""
    for name in _modules(COMMANDS, COMMANDS) if line is None else _named(line):
        import_module(f"everyauth_cli.cli.commands.{name.replace('-', '_')}")
    in_order(app, list(COMMANDS))
    for group in app.registered_groups:
        if group.typer_instance:
            in_order(group.typer_instance, COMMANDS[group.name or ""])
    return app


def _named(line: Sequence[str]) -> Iterator[str]:
    """The modules of the commands that a command line may mean."""
    words = _without_options(line)
    if not words or words[0] in HELP:
        # The help of all shows the groups alone.
        return iter(COMMANDS)
    first, second = (*words, "")[:2]
    if first not in COMMANDS:
        return _modules(COMMANDS, COMMANDS)
    below = COMMANDS[first]
    return _modules([first], {first: [second] if second in below else below})


def _modules(names: Iterable[str], below: Mapping[str, Sequence[str]]) -> Iterator[str]:
    for name in names:
        yield name
        yield from (f"{name}.{one}" for one in below[name])


def _without_options(line: Sequence[str]) -> list[str]:
    """Drop the common options before the command; what cannot be read so is left to the parser."""
    words = list(line)
    while words and words[0].startswith("-") and words[0] not in HELP:
        del words[: 2 if words[0] in TAKES_VALUE else 1]
    return words
