"""`everyauth alerts status`: show where alerts go."""

from __future__ import annotations

from everyauth_cli.cli.alert_target import alert_target, target_json
from everyauth_cli.cli.app import command
from everyauth_cli.cli.commands.alerts import group
from everyauth_cli.cli.session import Session
from everyauth_cli.flows.alerts import pending


@command(group, "status", examples=["everyauth alerts status"])
def status(session: Session) -> None:
    """Show where alerts go and how many are pending."""
    settings = session.settings
    waiting = len(pending(session.auth.store, settings.profile))
    if session.terminal.as_json:
        session.terminal.json({**target_json(settings), "pending": waiting})
    else:
        session.terminal.data(f"alerts   {alert_target(settings)}")
        session.terminal.data(f"pending  {waiting}")
