"""The time for which a login goes by what a server said of itself before, and what ends it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace

from everyauth_cli.errors import ClientRejected, LoginDenied, LoginFailed, OtherAccount, ServiceError, StoreError
from everyauth_cli.model import Client
from everyauth_cli.store.clients import client_key, read_client, save_client
from everyauth_cli.store.records import Store
from everyauth_cli.urls import is_url

FOUND_AT = "found_at"
"""The key of a server's record for the time of its discovery, in milliseconds; 0 or none has it asked anew."""
DAY_MS = 24 * 3600 * 1000


def is_recent(record: Client, now: int) -> bool:
    """Whether a server was found less than a day ago, and no login that went by it has failed since."""
    found_at = int(record.server.get(FOUND_AT, 0))
    return bool(found_at) and 0 <= now - found_at < DAY_MS


@contextmanager
def doubted_on_failure(store: Store, profile: str, name: str) -> Iterator[None]:
    """Have the next login at a server ask it anew where this one fails, unless a person denied it.

    One that is interrupted or not finished in time counts: a server that has moved, or forgotten the client, says so in
    the browser alone, and whoever tries again has no login there yet.
    """
    try:
        yield
    except (LoginDenied, OtherAccount):
        raise
    except (ClientRejected, LoginFailed, ServiceError, KeyboardInterrupt):
        # The failure itself is what the user must see.
        with suppress(StoreError):
            _doubt(store, profile, name)
        raise


def _doubt(store: Store, profile: str, name: str) -> None:
    if not is_url(name):
        return
    key = client_key(profile, name)
    with store.lock(key):
        stored = read_client(store, key)
        if stored and stored.client.server.get(FOUND_AT):
            client = replace(stored.client, server={**stored.client.server, FOUND_AT: 0})
            save_client(store, key, replace(stored, client=client))
