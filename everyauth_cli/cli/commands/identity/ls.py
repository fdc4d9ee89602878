"""`everyauth identity ls`: a list of identities, which touches no secret."""

from __future__ import annotations

from typing import Annotated

import typer

from everyauth_cli.cli.app import command
from everyauth_cli.cli.commands.identity import group
from everyauth_cli.cli.durations import expiry, read_pairs, span
from everyauth_cli.cli.options import ServiceOption, UserOption
from everyauth_cli.cli.session import Session
from everyauth_cli.everyauth import now_ms
from everyauth_cli.flows.identity_json import as_json
from everyauth_cli.store.identities import IdentitySummary

COLUMNS = ["service", "user", "tenant", "account", "scopes", "age", "expires", "id"]


@command(group, "ls")
def ls(
    session: Session,
    service: ServiceOption = None,
    user: UserOption = None,
    tenant: Annotated[str | None, typer.Option("--tenant", help="Only of this tenant.")] = None,
    tag: Annotated[
        list[str] | None, typer.Option("--tag", metavar="KEY=VALUE", help="Only with this tag; may be repeated.")
    ] = None,
) -> None:
    """List identities; no secret is touched."""
    name = session.auth.service_name(service) if service else ""
    tags = read_pairs(tag or [], "--tag")
    wanted = {"service": name, "user": user or "", "tenant": tenant or ""}
    if session.terminal.as_json:
        session.terminal.items([as_json(identity) for identity in session.auth.find(**wanted, tags=tags)])
        return
    now = now_ms()
    shown = session.terminal.rows(COLUMNS, (_row(one, now) for one in session.auth.listed(**wanted, tags=tags)))
    if not shown:
        session.terminal.note("No identities. `everyauth login SERVICE` makes one.")


def _row(identity: IdentitySummary, now: int) -> list[str]:
    return [
        identity.service,
        identity.user,
        identity.tenant if identity.tenant != identity.user else "",
        identity.label,
        identity.scope,
        span(now - identity.created_at),
        "login_required" if identity.login_required else expiry(identity.expires_at, now=now),
        identity.id,
    ]
