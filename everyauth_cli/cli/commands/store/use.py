"""`everyauth store use`: the store to keep credentials in."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from typing import Annotated

import typer

from everyauth_cli.cli.app import command
from everyauth_cli.cli.commands.store import group
from everyauth_cli.cli.sealing_key import record_keys, with_sealing_key
from everyauth_cli.cli.session import Session
from everyauth_cli.errors import EveryAuthError, StoreError, WrongKey
from everyauth_cli.settings import Settings, remember
from everyauth_cli.store.from_settings import store_of
from everyauth_cli.store.identities import identity_query, list_keys
from everyauth_cli.store.opening import without_password
from everyauth_cli.store.records import Store


@command(group, "use")
def use(
    session: Session,
    url: Annotated[
        str,
        typer.Argument(
            metavar="URL",
            help="keyring:, sqlite:///path or postgresql://user@host/database; sqlite:// is the usual file.",
        ),
    ],
) -> None:
    """Choose the store, see that it works, and remember it."""
    before = session.settings
    settings = replace(before, store_url=url, store_from=str(before.config_file))
    store_of(settings)
    if not url.startswith("keyring:"):
        settings = with_sealing_key(session, settings)
    store = store_of(settings, warn=session.terminal.warn)
    store.probe()
    _check_key(store)
    remember(settings, store=url, sealing_key=settings.sealing_key)
    session.terminal.note(f"Credentials are kept in {url} from now on: {store.describe()}.")
    if before.store_from == "EVERYAUTH_STORE":
        session.terminal.warn("EVERYAUTH_STORE is set and goes before what is remembered")
    if before.store_url != url and (left := _count(before)):
        shown = without_password(before.store_url)
        session.terminal.note(f"{left} identities stay in {shown}; `everyauth store use` goes back to it.")


def _check_key(store: Store) -> None:
    """Raises `WrongKey` where the store holds what its key does not open."""
    for key in islice(record_keys(store), 1):
        try:
            store.get(key)
        except WrongKey:
            raise
        except StoreError:
            # Damaged, which whoever reads it will be told.
            return


def _count(settings: Settings) -> int:
    """How many identities a store holds, as far as it can be asked: it may be why another is wanted."""
    try:
        return sum(1 for _ in list_keys(store_of(settings), identity_query(settings.profile)))
    except EveryAuthError:
        return 0
