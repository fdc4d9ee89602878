"""`everyauth identity`: the logins of users, and current credentials for them."""

from __future__ import annotations

from everyauth_cli.cli import app
from everyauth_cli.services import EXAMPLE

group = app.group(
    "identity",
    "List, get, refresh and delete identities.",
    examples=[
        "everyauth identity ls",
        "everyauth identity get user-123",
        f"everyauth identity rm {EXAMPLE} user-123",
    ],
)
