"""`everyauth service log`: what happened at a service on this machine."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any

import typer

from everyauth_cli.cli.app import command
from everyauth_cli.cli.commands.service import group
from everyauth_cli.cli.options import ServiceArgument
from everyauth_cli.cli.session import Session
from everyauth_cli.errors import ConfigurationProblem
from everyauth_cli.event_log import Event, EventLog
from everyauth_cli.flows.hints import user_of_tenant
from everyauth_cli.model import DEFAULT_PROFILE
from everyauth_cli.sanitize import printable

COLUMNS = ["time", "action", "outcome", "user", "status", "ms", "message"]


@command(group, "log")
def log(
    session: Session,
    name: ServiceArgument,
    limit: Annotated[int, typer.Option("--limit", min=1, metavar="N", help="How many events to show.")] = 20,
) -> None:
    """Show the last logins, refreshes, revocations and failures at a service, the newest last."""
    service = session.auth.catalogue.get(name)
    events = EventLog(session.settings.log_dir)
    try:
        last = events.last(service.name, limit)
    except OSError as error:
        raise ConfigurationProblem(
            f"cannot read {events.path(service.name)}: {error.strerror}", hint="make it readable for you"
        ) from None
    if not last and not session.terminal.as_json:
        session.terminal.note(f"Nothing has happened at {service.name} on this machine so far.")
        return
    session.terminal.list(COLUMNS, [_row(event) for event in last], [_as_json(event) for event in last])


def _row(event: Event) -> list[str]:
    who = user_of_tenant(event.user, event.tenant, quotes=("", ""))
    who += "" if event.profile == DEFAULT_PROFILE else f" in {event.profile}"
    return [
        # Without a space it stays in one piece in a table.
        datetime.fromtimestamp(event.time / 1000).astimezone().replace(tzinfo=None).isoformat(timespec="seconds"),
        event.action,
        event.outcome,
        printable(who),
        str(event.status or ""),
        "" if event.duration is None else str(event.duration),
        printable(event.message or ""),
    ]


def _as_json(event: Event) -> dict[str, Any]:
    told = asdict(event)
    return {
        "time": told.pop("time"),
        "serviceId": told.pop("service"),
        "userId": told.pop("user"),
        "tenantId": told.pop("tenant"),
        **told,
    }
