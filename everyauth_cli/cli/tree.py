"""The command tree, or as much of it as a command line needs."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module

import typer

from everyauth_cli.cli.app import app

# What a command line may begin with, in the order of the help, and the modules that know what follows it.
MODULES = {
    "demo": ["demo"],
    "token": ["identity"],
    "login": ["login"],
    "logout": ["logout"],
    "sandbox": ["sandbox"],
    "completion": ["completion"],
    "service": ["service", "service_log"],
    "identity": ["identity", "logout", "health"],
    "identity ls": ["identity"],
    "identity get": ["identity"],
    "store": ["store", "store_move", "store_rotate_key"],
    "alerts": ["alerts"],
}


def tree(words: Sequence[str] = ()) -> typer.Typer:
    """The tree's root, with what stands under a command line's first words, or with everything if they are none."""
    known = [begun for begun in (" ".join(words[:2]), *words[:1]) if begun in MODULES]
    for begun in known[:1] or MODULES:
        for module in MODULES[begun]:
            import_module(f"everyauth_cli.cli.commands.{module}")
    order = list(MODULES)
    app.registered_commands.sort(key=lambda command: order.index(command.name or ""))
    app.registered_groups.sort(key=lambda group: order.index(group.name or ""))
    return app
