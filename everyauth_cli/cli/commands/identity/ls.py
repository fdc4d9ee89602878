"""`everyauth identity ls`: list identities, without reading a secret."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated

import typer

from everyauth_cli.cli.app import command
from everyauth_cli.cli.commands.identity import group
from everyauth_cli.cli.durations import expiry, read_pairs, span
from everyauth_cli.cli.left_store import show_left_store
from everyauth_cli.cli.options import ServiceOption, UserOption
from everyauth_cli.cli.session import Session
from everyauth_cli.flows.freshness import now_ms
from everyauth_cli.flows.hints import login_command
from everyauth_cli.flows.identity_json import as_json
from everyauth_cli.model import DEFAULT_USER, Identity
from everyauth_cli.services import EXAMPLE
from everyauth_cli.store.identities import IdentitySummary

PAGE = 1000
COLUMNS = ["service", "user", "tenant", "account", "scopes", "age", "expires", "id"]


@command(
    group,
    "ls",
    examples=[
        "everyauth identity ls",
        f"everyauth identity ls --service {EXAMPLE} --tag team=red",
        "everyauth identity ls -o json",
    ],
)
def ls(
    session: Session,
    service: ServiceOption = None,
    user: UserOption = None,
    tenant: Annotated[
        str | None, typer.Option("--tenant", metavar="TENANT", help="Only identities of this tenant.")
    ] = None,
    tag: Annotated[
        list[str] | None,
        typer.Option("--tag", metavar="KEY=VALUE", help="Only identities with this tag; may be repeated."),
    ] = None,
) -> None:
    """List identities.

    It reads no secret.
    """
    name = session.auth.service_name(service) if service else ""
    tags = read_pairs(tag or [], "--tag")
    filters = {"service": name, "user": user or "", "tenant": tenant or ""}
    if session.terminal.as_json:
        named = {"userId": user, "tenantId": tenant}
        all_tags = {**tags, **{tag: value for tag, value in named.items() if value}}
        shown = session.terminal.items(map(as_json, _each(session, name, all_tags)))
    else:
        now = now_ms()
        shown = session.terminal.rows(COLUMNS, (_row(one, now) for one in session.auth.listed(**filters, tags=tags)))
        if not shown:
            login = login_command("SERVICE", user=DEFAULT_USER, profile=session.profile_to_name)
            session.terminal.info(f"No identities. To make one: {login}")
    if not shown:
        show_left_store(session)


def _each(session: Session, service: str, tags: Mapping[str, str]) -> Iterator[Identity]:
    """Yield the identities page by page, so that memory stays flat however many there are."""
    page = session.auth.get_identities(service, tags, count=PAGE)
    yield from page.items
    while page.next is not None:
        page = session.auth.get_identities(service, tags, count=PAGE, next=page.next)
        yield from page.items


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
