"""The command tree, or as much of it as a command line needs."""

from __future__ import annotations

from importlib import import_module

import typer

from everyauth_cli.cli.app import app

# Each word that a command line may begin with, in the order of the help, and the modules that know what follows it.
MODULES = {
    "demo": ["demo"],
    "token": ["identity"],
    "login": ["login"],
    "logout": ["logout"],
    "sandbox": ["sandbox"],
    "completion": ["completion"],
    "service": ["service", "service_log"],
    "identity": ["identity", "logout", "keepalive"],
    "store": ["store", "move", "rotation"],
    "alerts": ["alerts"],
}


def tree(first: str = "") -> typer.Typer:
    """The tree's root, with what stands under a command line's first word, or with everything if it is none of them."""
    for word in [first] if first in MODULES else MODULES:
        for module in MODULES[word]:
            import_module(f"everyauth_cli.cli.{module}")
    order = list(MODULES)
    app.registered_commands.sort(key=lambda command: order.index(command.name or ""))
    app.registered_groups.sort(key=lambda group: order.index(group.name or ""))
    return app
