"""`everyauth alerts status`: where alerts go, and how many wait."""

from __future__ import annotations

from everyauth_cli.cli.app import command
from everyauth_cli.cli.commands.alerts import group, target
from everyauth_cli.cli.session import Session
from everyauth_cli.flows.alerts import pending
from everyauth_cli.urls import origin


@command(group, "status")
def status(session: Session) -> None:
    """Say where alerts go, and how many wait to be delivered."""
    settings = session.settings
    waiting = len(pending(session.auth.store, settings.profile))
    if session.terminal.as_json:
        webhook = origin(settings.alert_webhook.reveal()) if settings.alert_webhook else None
        said = {"command": list(settings.alert_command) or None, "webhook": webhook, "pending": waiting}
        session.terminal.json(said)
    else:
        session.terminal.data(f"alerts   {target(settings)}")
        session.terminal.data(f"pending  {waiting}")
