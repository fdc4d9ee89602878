"""The store that was left for another: the identities and clients that stay in it, and the command that moves them."""

from __future__ import annotations

import shlex

from everyauth_cli.cli.session import Session
from everyauth_cli.errors import EveryAuthError
from everyauth_cli.model import RecordKey
from everyauth_cli.settings import Settings
from everyauth_cli.store.clients import KIND as CLIENT
from everyauth_cli.store.from_settings import store_of
from everyauth_cli.store.identities import KIND as IDENTITY
from everyauth_cli.store.records import MOVED_TO, Query, Store
from everyauth_cli.store.shown_url import shown_url

PLURALS = {"identity": "identities", "client": "clients"}


def show_what_stays(session: Session, settings: Settings, *, chosen: str) -> str | None:
    """Name the records that stay in the store of these settings and the way to move them; return its URL then."""
    left = contents(settings)
    url = shown_url(settings.store_url)
    if not left:
        return None
    back = shlex.join(["everyauth", "store", "use", url])
    session.terminal.advise(f"{left} stay in {url}. To switch back", back)
    session.terminal.advise("To move them here", _move(url, chosen))
    return url


def show_left_store(session: Session) -> None:
    """Name the store that was left for this one, where this one lists nothing."""
    settings = session.settings
    if settings.left_store is None or settings.left_store == settings.store_url:
        return
    left = shown_url(settings.left_store)
    move = _move(left, shown_url(settings.store_url))
    session.terminal.advise(f"{left} was left for this store, with records in it. To move them here", move)


def contents(settings: Settings) -> str:
    """The number of identities and clients in a store; empty where it has none, or cannot be reached."""
    try:
        store = store_of(settings)
        counts = {"identity": _count(store, IDENTITY), "client": _count(store, CLIENT)}
    except EveryAuthError:
        # It may be the reason why another store is chosen.
        return ""
    return " and ".join(f"{count} {PLURALS[name] if count > 1 else name}" for name, count in counts.items() if count)


def _count(store: Store, kind: str) -> int:
    entries = store.entries(Query(RecordKey(profile="", kind=kind, service="")))
    return sum(MOVED_TO not in entry.metadata for entry in entries)


def _move(source: str, target: str) -> str:
    return shlex.join(["everyauth", "store", "move", source, target])
