"""All commands, put together."""

from __future__ import annotations

from everyauth_cli.cli import (
    alerts,
    completion,
    demo,
    identity,
    keepalive,
    login,
    logout,
    move,
    rotation,
    sandbox,
    service,
    service_log,
    store,
)
from everyauth_cli.cli.app import app

# Help lists commands as they were registered, and this one is wanted once.
app.registered_commands.sort(key=lambda registered: registered.name == "completion")
app.add_typer(service.group)
app.add_typer(identity.group)
app.add_typer(store.group)
app.add_typer(alerts.group)

__all__ = ["app", "completion", "demo", "keepalive", "login", "logout", "move", "rotation", "sandbox", "service_log"]
