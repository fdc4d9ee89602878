"""`everyauth identity ls`: list identities, without reading a secret."""

from __future__ import annotations

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
from everyauth_cli.flows.listing import Listing
from everyauth_cli.flows.selector import Selector
from everyauth_cli.model import DEFAULT_USER
from everyauth_cli.services import EXAMPLE
from everyauth_cli.services.catalogue import Catalogue
from everyauth_cli.store.from_settings import store_of
from everyauth_cli.store.identities import IdentitySummary

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
    listing = _listing(session)
    name = listing.service_name(service) if service else ""
    selector = Selector(user=user or "", tenant=tenant or "", tags=read_pairs(tag or [], "--tag"))
    if session.terminal.as_json:
        shown = session.terminal.items(map(as_json, listing.find(name, selector)))
    else:
        now = now_ms()
        shown = session.terminal.rows(COLUMNS, (_row(one, now) for one in listing.summaries(name, selector)))
        if not shown:
            login = login_command("SERVICE", user=DEFAULT_USER, profile=session.profile_to_name)
            session.terminal.info(f"No identities. To make one: {login}")
    if not shown:
        show_left_store(session)


def _listing(session: Session) -> Listing:
    """Return the listing of the session's identities, which needs no more of `EveryAuth`."""
    settings = session.settings
    store = store_of(settings, warn=session.terminal.warn)
    return Listing(store=store, catalogue=Catalogue(settings.services_dir), profile=settings.profile)


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
