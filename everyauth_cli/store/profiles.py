"""Lists the profiles that have clients or identities in a store."""

from __future__ import annotations

from collections.abc import Iterator

from everyauth_cli.model import RecordKey
from everyauth_cli.store.clients import KIND as CLIENT
from everyauth_cli.store.identities import KIND as IDENTITY
from everyauth_cli.store.records import Query, Store

LAST = "\U0010ffff"
"""Sorts behind the names of all records of a profile."""


def list_profiles(store: Store) -> list[str]:
    """Return the names of the profiles, sorted; it reads one record of each. Raises `StoreError`."""
    return sorted({profile for kind in (CLIENT, IDENTITY) for profile in _profiles(store, kind)})


def _profiles(store: Store, kind: str) -> Iterator[str]:
    after: RecordKey | None = None
    while found := store.list(Query(RecordKey("", kind, "")), after=after, limit=1):
        profile = found[0].key.profile
        yield profile
        after = RecordKey(profile, kind, LAST, LAST, LAST)
