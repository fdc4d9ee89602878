"""Names the place that alerts go to."""

from __future__ import annotations

import shlex

from everyauth_cli.settings import Settings
from everyauth_cli.urls import origin

OFF = "off"


def alert_target(settings: Settings) -> str:
    """Name the command or webhook; of a webhook's URL only the origin, since its path may be a secret."""
    if settings.alert_command:
        return f"command {shlex.join(settings.alert_command)}"
    return f"webhook at {origin(settings.alert_webhook.reveal())}" if settings.alert_webhook else OFF


def target_json(settings: Settings) -> dict[str, object]:
    """Return the same for JSON."""
    webhook = origin(settings.alert_webhook.reveal()) if settings.alert_webhook else None
    return {"command": list(settings.alert_command) or None, "webhook": webhook}
