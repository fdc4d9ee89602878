"""The command tree, or as much of it as a command line needs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib import import_module

import typer

from everyauth_cli.cli.app import HELP_OPTIONS, app
from everyauth_cli.cli.typer_internals import in_order

COMMANDS: dict[str, list[str]] = {
    "demo": [],
    "token": [],
    "login": [],
    "logout": [],
    "sandbox": [],
    "completion": [],
    "service": ["ls", "get", "export", "set", "add", "rm", "log"],
    "identity": ["ls", "get", "rm", "refresh", "check"],
    "store": ["use", "status", "move", "rotate-key"],
    "alerts": ["set", "status", "off", "test"],
}
"""The commands and the groups, with the commands of each, in the order of the help."""

HELP = [[option] for option in HELP_OPTIONS["help_option_names"]]


def tree(words: Sequence[str] = ()) -> typer.Typer:
    """Return the tree's root with the commands that a command line's first words name, or with all of them.

    The root's help needs no more than its own commands and the names of the groups.
    """
    for name in COMMANDS if words[:1] in HELP else _named(words):
        import_module(f"everyauth_cli.cli.commands.{name.replace('-', '_')}")
    in_order(app, list(COMMANDS))
    for group in app.registered_groups:
        if group.typer_instance:
            in_order(group.typer_instance, COMMANDS[group.name or ""])
    return app


def _named(words: Sequence[str]) -> Iterator[str]:
    """The modules of the commands that a command line may mean."""
    first, second = (*words, "", "")[:2]
    for name in [first] if first in COMMANDS else COMMANDS:
        below = COMMANDS[name]
        yield from (f"{name}.{one}" for one in ([second] if second in below else below))
        if not below:
            yield name
