"""`everyauth alerts`: who is told when an identity is gone."""

from __future__ import annotations

import shlex

from everyauth_cli.cli import app
from everyauth_cli.settings import Settings
from everyauth_cli.urls import origin

SET = "everyauth alerts set --command CMD, or --webhook URL"

group = app.group("alerts", "Who is told when an identity is gone: a command or a webhook.")


def target(settings: Settings) -> str:
    if settings.alert_command:
        return f"command {shlex.join(settings.alert_command)}"
    return f"webhook at {origin(settings.alert_webhook.reveal())}" if settings.alert_webhook else "go nowhere"
