"""`everyauth identity ls`: list identities, without reading a secret."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, TypeVar

import typer

from everyauth_cli.cli.app import command
from everyauth_cli.cli.commands.identity import group
from everyauth_cli.cli.durations import read_pairs, span, utc
from everyauth_cli.cli.identity_state import summary_state
from everyauth_cli.cli.left_store import show_left_store
from everyauth_cli.cli.options import ServiceOption, UserOption, service_names
from everyauth_cli.cli.session import Session
from everyauth_cli.errors import UsageProblem
from everyauth_cli.flows.freshness import now_ms
from everyauth_cli.flows.identity_json import as_json
from everyauth_cli.flows.listing import Listing
from everyauth_cli.flows.selector import Selector, cursor_behind
from everyauth_cli.model import Identity
from everyauth_cli.services import EXAMPLE
from everyauth_cli.services.catalogue import Catalogue
from everyauth_cli.store.from_settings import store_of
from everyauth_cli.store.identities import IdentitySummary

COLUMNS = ["service", "user", "tenant", "account", "scopes", "created", "expires", "state", "id"]
"""The columns in a pipe: tabs between them, times as in RFC 3339, and `login_required` as the state or nothing."""

TABLE = ["service", "user", "account", "expires", "tenant", "scopes", "age", "id"]
EXTRA = ["tenant", "scopes", "age", "id"]
"""Columns of the table on a terminal, and those of them that are left out where there is no room."""


@command(
    group,
    "ls",
    examples=[
        "everyauth identity ls",
        f"everyauth identity ls {EXAMPLE} --tag team=red",
        "everyauth identity ls --count 100 -o json",
    ],
)
def ls(
    session: Session,
    named: Annotated[
        str | None,
        typer.Argument(metavar="SERVICE", autocompletion=service_names, help="Only identities of this service."),
    ] = None,
    service: ServiceOption = None,
    user: UserOption = None,
    tenant: Annotated[
        str | None, typer.Option("-t", "--tenant", metavar="TENANT", help="Only identities of this tenant.")
    ] = None,
    tag: Annotated[
        list[str] | None,
        typer.Option("--tag", metavar="KEY=VALUE", help="Only identities with this tag; may be repeated."),
    ] = None,
    count: Annotated[
        int | None, typer.Option("-c", "--count", min=1, metavar="N", help="At most so many identities.")
    ] = None,
    cursor: Annotated[
        str | None, typer.Option("-n", "--next", metavar="CURSOR", help="Go on behind a page of --count.")
    ] = None,
    long: Annotated[bool, typer.Option("--long", help="Show all columns, however narrow the terminal is.")] = False,
) -> None:
    """List identities.

    It reads no secret. In a pipe there are tabs between the columns, and times are as in RFC 3339.
    """
    listing = _listing(session)
    given = _one_service(named, service)
    name = listing.service_name(given) if given else ""
    selector = Selector(user=user or "", tenant=tenant or "", tags=read_pairs(tag or [], "--tag"))
    after = None if cursor is None else listing.cursor_place(name, selector, cursor)
    page = Paged(count)
    if session.terminal.as_json:
        items = map(as_json, page.of(listing.find(name, selector, after=after)))
        shown = session.terminal.items(items, cursor=lambda: page.next)
    else:
        shown = _show(session, page.of(listing.summaries(name, selector, after=after)), long=long)
        if page.next:
            session.terminal.advise(
                "There are more. To go on", session.again("--next", page.next, without=("-n", "--next"))
            )
    if not shown and cursor is None:
        if not session.terminal.as_json:
            session.terminal.advise("No identities. To make one", "everyauth login SERVICE")
        session.warn_of_unknown_profile()
        show_left_store(session)


T = TypeVar("T", Identity, IdentitySummary)


class Paged:
    """Cuts a listing after so many identities, if a number is given; `next` is then the cursor of what follows."""

    def __init__(self, count: int | None) -> None:
        self._count = count
        self.next: str | None = None

    def of(self, found: Iterator[T]) -> Iterator[T]:
        last: T | None = None
        for number, identity in enumerate(found):
            if last is not None and number == self._count:
                self.next = cursor_behind(last)
                return
            yield identity
            last = identity


def _one_service(argument: str | None, option: str | None) -> str | None:
    if argument and option and argument != option:
        raise UsageProblem(f"two services are given: {argument} and {option}", hint="give one, or none for all")
    return argument or option


def _listing(session: Session) -> Listing:
    """Return the listing of the session's identities, which needs no more of `EveryAuth`."""
    settings = session.settings
    store = store_of(settings, warn=session.terminal.warn)
    return Listing(store=store, catalogue=Catalogue(settings.services_dir), profile=settings.profile)


def _show(session: Session, found: Iterator[IdentitySummary], *, long: bool) -> int:
    if not session.terminal.is_table:
        return session.terminal.rows(COLUMNS, map(_row, found))
    now = now_ms()
    identities = list(found)
    states = [summary_state(one, now=now) for one in identities]
    rows = [_table_row(one, expires, now) for one, (_, expires) in zip(identities, states, strict=True)]
    session.terminal.marked(TABLE, rows, [mark for mark, _ in states], extra=[] if long else EXTRA)
    return len(rows)


def _row(identity: IdentitySummary) -> list[str]:
    return [
        identity.service,
        identity.user,
        _tenant(identity),
        identity.label,
        identity.scope,
        utc(identity.created_at),
        utc(identity.expires_at),
        "login_required" if identity.login_required else "",
        identity.id,
    ]


def _table_row(identity: IdentitySummary, expires: str, now: int) -> list[str]:
    age = span(now - identity.created_at)
    return [
        identity.service,
        identity.user,
        identity.label,
        expires,
        _tenant(identity),
        identity.scope,
        age,
        identity.id,
    ]


def _tenant(identity: IdentitySummary) -> str:
    return identity.tenant if identity.tenant != identity.user else ""
