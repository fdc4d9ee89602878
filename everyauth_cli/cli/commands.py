"""All commands, put together."""

from __future__ import annotations

from everyauth_cli.cli import demo, identity, login, sandbox, service, store
from everyauth_cli.cli.app import app

app.add_typer(service.group)
app.add_typer(identity.group)
app.add_typer(store.group)

__all__ = ["app", "demo", "login", "sandbox"]
