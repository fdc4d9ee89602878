"""`everyauth alerts test`: send an alert about a made-up identity."""

from __future__ import annotations

from dataclasses import replace

from everyauth_cli.cli.alert_target import alert_target, target_json
from everyauth_cli.cli.app import command
from everyauth_cli.cli.commands.alerts import SET, group
from everyauth_cli.cli.session import Session
from everyauth_cli.errors import UsageProblem
from everyauth_cli.flows.alerts import AlertEvent, event, receiver
from everyauth_cli.flows.freshness import now_ms
from everyauth_cli.model import Account, Identity
from everyauth_cli.oauth.grant import EndedGrant


@command(group, "test", examples=["everyauth alerts test"])
def test(session: Session) -> None:
    """Send a test alert about a made-up identity."""
    deliver = receiver(session.settings, session.send)
    if deliver is None:
        raise UsageProblem("no command or webhook is set for alerts", hint=SET)
    deliver(event(AlertEvent.TEST, _made_up(now_ms())))
    session.terminal.info(f"Delivered to the {alert_target(session.settings)}.")
    if session.terminal.as_json:
        session.terminal.json({**target_json(session.settings), "delivered": True})


def _made_up(now: int) -> Identity:
    identity = Identity(
        id="idn-0000000000000000",
        service="example",
        user="user-123",
        tenant="user-123",
        tags={},
        scope="read",
        account=Account(subject="1", label="user@example.org"),
        created_at=now,
        granted_at=now,
        updated_at=now,
        expires_at=now,
        refreshable=True,
        client_id="",
        origins={},
    )
    return replace(identity, login_required=EndedGrant(since=now, reason="this is a test"))
