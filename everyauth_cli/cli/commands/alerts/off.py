"""`everyauth alerts off`: no more alerts."""

from __future__ import annotations

from everyauth_cli.cli.app import command
from everyauth_cli.cli.commands.alerts import group
from everyauth_cli.cli.session import Session
from everyauth_cli.settings import remember


@command(group, "off")
def off(session: Session) -> None:
    """Send no more alerts; what is gone is still marked."""
    remember(session.settings, alert_command=None, alert_webhook=None)
    session.terminal.note("Alerts go nowhere from now on.")
