"""`everyauth service log`: show the events of a service on this machine."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer

from everyauth_cli.cli.app import command
from everyauth_cli.cli.commands.service import group
from everyauth_cli.cli.durations import span, utc
from everyauth_cli.cli.options import ServiceArgument
from everyauth_cli.cli.registry import registry_of
from everyauth_cli.cli.session import Session
from everyauth_cli.cli.style import Mark
from everyauth_cli.errors import ConfigurationProblem
from everyauth_cli.event_log import Event, EventLog
from everyauth_cli.flows.freshness import now_ms
from everyauth_cli.flows.hints import user_of_tenant
from everyauth_cli.sanitize import printable
from everyauth_cli.services import EXAMPLE

COLUMNS = ["time", "action", "outcome", "user", "status", "ms", "message"]
"""The columns in a pipe, where times are as in RFC 3339."""

TABLE = ["when", "action", "user", "status", "ms", "message"]
EXTRA = ["status", "ms"]
"""Columns of the table on a terminal, and those of them that are left out where there is no room."""


@command(group, "log", examples=[f"everyauth service log {EXAMPLE}", f"everyauth service log {EXAMPLE} --limit 100"])
def log(
    session: Session,
    name: ServiceArgument,
    limit: Annotated[int, typer.Option("--limit", min=1, metavar="N", help="Maximum number of events.")] = 20,
) -> None:
    """Show the latest events of a service.

    Logins, refreshes, revocations and failures in this profile and on this machine, the newest last.
    """
    service = registry_of(session).catalogue.get(name)
    events = EventLog(session.settings.log_dir)
    try:
        last = events.last(service.name, limit, profile=session.settings.profile)
    except OSError as error:
        raise ConfigurationProblem(
            f"cannot read {events.path(service.name)}: {error.strerror}", hint="make it readable for your user"
        ) from None
    if not last and not session.terminal.as_json:
        session.terminal.info(f'No events of {service.name} in the profile "{session.settings.profile}" here yet.')
        return
    if session.terminal.is_table and not session.terminal.as_json:
        now = now_ms()
        marks = [Mark.done if event.outcome == "done" else Mark.failed for event in last]
        session.terminal.marked(TABLE, [_table_row(event, now) for event in last], marks, extra=EXTRA)
    else:
        session.terminal.list(COLUMNS, [_row(event) for event in last], [_as_json(event) for event in last])


def _table_row(event: Event, now: int) -> list[str]:
    _, action, _, user, status, took, message = _row(event)
    return [f"{span(now - event.time)} ago", action, user, status, took, message]


def _row(event: Event) -> list[str]:
    user = user_of_tenant(event.user, event.tenant, quotes=("", ""))
    return [
        utc(event.time),
        event.action,
        event.outcome,
        printable(user),
        str(event.status or ""),
        "" if event.duration is None else str(event.duration),
        printable(event.message or ""),
    ]


def _as_json(event: Event) -> dict[str, Any]:
    shown = asdict(event)
    return {
        "time": shown.pop("time"),
        "serviceId": shown.pop("service"),
        "userId": shown.pop("user"),
        "tenantId": shown.pop("tenant"),
        **shown,
    }
