"""`everyauth alerts`: notify a command or webhook when an identity needs a login."""

from __future__ import annotations

import shlex

from everyauth_cli.cli import app
from everyauth_cli.settings import Settings
from everyauth_cli.urls import origin

SET = "everyauth alerts set --command CMD, or --webhook URL"

group = app.group(
    "alerts",
    "Alert a command or webhook when a login is needed.",
    examples=["everyauth alerts set --webhook -", "everyauth alerts test"],
)


def target(settings: Settings) -> str:
    """Name the command or webhook; of a webhook's URL only the origin, since its path may be a secret."""
    if settings.alert_command:
        return f"command {shlex.join(settings.alert_command)}"
    return f"webhook at {origin(settings.alert_webhook.reveal())}" if settings.alert_webhook else "off"
