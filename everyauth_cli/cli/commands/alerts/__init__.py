"""`everyauth alerts`: notify a command or webhook when an identity needs a login."""

from __future__ import annotations

from everyauth_cli.cli import app

SET = "with --command CMD, or with a webhook: everyauth alerts set --webhook -"

group = app.group(
    "alerts",
    "Alert a command or webhook when a login is needed.",
    examples=["everyauth alerts set --webhook -", "everyauth alerts test"],
)
