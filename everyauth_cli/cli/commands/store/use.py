"""`everyauth store use`: choose the store for credentials."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from typing import Annotated

import typer

from everyauth_cli.cli.app import command
from everyauth_cli.cli.commands.store import group
from everyauth_cli.cli.left_store import show_what_stays
from everyauth_cli.cli.sealing_key import with_sealing_key
from everyauth_cli.cli.session import Session
from everyauth_cli.errors import StoreError, WrongKey
from everyauth_cli.settings import remember
from everyauth_cli.store.from_settings import store_of
from everyauth_cli.store.move import record_keys
from everyauth_cli.store.records import Store
from everyauth_cli.store.shown_url import shown_url


@command(
    group, "use", examples=["everyauth store use keyring:", "everyauth store use postgresql://me@db.example/everyauth"]
)
def use(
    session: Session,
    url: Annotated[
        str,
        typer.Argument(
            metavar="URL",
            help="keyring:, sqlite:///path or postgresql://user@host/database; sqlite:// is in the data directory.",
        ),
    ],
) -> None:
    """Choose the store, test it and remember it.

    A store other than the keyring gets a sealing key, if it has none yet.
    """
    before = session.settings
    settings = replace(before, store_url=url, store_from=str(before.config_file))
    store_of(settings)
    if not url.startswith("keyring:"):
        settings = with_sealing_key(session, settings)
    store = store_of(settings, warn=session.terminal.warn)
    store.probe()
    _check_key(store)
    session.terminal.info(f"Credentials are stored in {store.url} from now on: {store.describe()}.")
    if before.store_from == "EVERYAUTH_STORE":
        session.terminal.warn("EVERYAUTH_STORE is set and overrides this")
    left = before.left_store if before.left_store != url else None
    if before.store_url != url:
        left = show_what_stays(session, before, chosen=url) or left
    remember(settings, store=url, sealing_key=settings.sealing_key, left_store=left)
    if session.terminal.as_json:
        session.terminal.json({"store": store.url, "secrets": store.describe(), "left": left and shown_url(left)})


def _check_key(store: Store) -> None:
    """Read one record; raises `WrongKey` when the key does not open it."""
    for key in islice(record_keys(store, moved=True), 1):
        try:
            store.get(key)
        except WrongKey:
            raise
        except StoreError:
            # The record is damaged: the command that reads it shows that.
            return
