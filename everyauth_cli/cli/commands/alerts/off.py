"""`everyauth alerts off`: send no more alerts."""

from __future__ import annotations

from dataclasses import replace

from everyauth_cli.cli.alert_target import target_json
from everyauth_cli.cli.app import command
from everyauth_cli.cli.commands.alerts import group
from everyauth_cli.cli.session import Session
from everyauth_cli.settings import remember


@command(group, "off", examples=["everyauth alerts off"])
def off(session: Session) -> None:
    """Send no more alerts.

    Identities that need a login are still marked in `everyauth identity ls`.
    """
    remember(session.settings, alert_command=None, alert_webhook=None)
    session.terminal.info("Alerts are off.")
    if session.terminal.as_json:
        session.terminal.json(target_json(replace(session.settings, alert_command=(), alert_webhook=None)))
