"""Moves one record from one store to another, so that no two copies of a refresh token are ever used."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

from everyauth_cli.errors import StoreError, UsageProblem
from everyauth_cli.model import RecordKey, Secret
from everyauth_cli.store import clients, identities
from everyauth_cli.store.records import MOVED_TO, NOT_LOOKED_UP, Query, Record, Store

KINDS = (clients.KIND, clients.REGISTRATION, identities.KIND)


def record_keys(store: Store, *, moved: bool = False) -> Iterator[RecordKey]:
    """Yield the keys of all clients and identities of all profiles, clients first.

    With `moved` they include those of records that were moved to another store.
    """
    for kind in KINDS:
        entries = store.entries(Query(RecordKey(profile="", kind=kind, service="")))
        yield from (entry.key for entry in entries if moved or MOVED_TO not in entry.metadata)


def check_apart(source: Store, target: Store) -> None:
    """Raises `UsageProblem` when both are one store, whatever they are called."""
    mark = RecordKey(profile="", kind="move", service=secrets.token_hex(8))
    target.add(mark, {})
    try:
        if source.peek(mark) is not None:
            raise UsageProblem(f"{source.url} and {target.url} are one store", hint="name another to move to")
    finally:
        target.delete(mark)


def move(source: Store, target: Store, key: RecordKey) -> None:
    """Move a record under its lock in both stores; what was cut off on the way is finished.

    Raises `StoreError`, with the record left where it was, when it cannot be moved.
    """
    with source.lock(key), target.lock(key):
        record = _present(_record(source, key))
        if record is None:
            return
        _copy(target, key, record)
        tombstone = {MOVED_TO: target.url}
        source.save(key, tombstone, Secret({**tombstone}), version=record.version)


def _record(store: Store, key: RecordKey) -> Record | None:
    """The record under a key, a moved one too."""
    return store.backend.get(key, store.name(key))


def _present(record: Record | None) -> Record | None:
    return None if record is None or MOVED_TO in record.secret.reveal() else record


def _copy(target: Store, key: RecordKey, record: Record) -> None:
    # A record that was once moved from there may come back.
    before = _record(target, key)
    there = _present(before)
    if there is not None and _is_later_copy(record, there):
        return
    lookup = identities.lookup_of(record.metadata) if key.kind == identities.KIND else NOT_LOOKED_UP
    version = before.version if before else None
    target.save(key, record.metadata, record.secret, version=version, lookup=lookup)
    back = target.get(key)
    if back is None or not _is_same(back, record):
        raise StoreError(f"{target.url} does not give back what was written to {target.name(key)}")


def _is_same(one: Record, other: Record) -> bool:
    return one.secret == other.secret and one.metadata == other.metadata


def _is_later_copy(record: Record, there: Record) -> bool:
    """Whether the target has this record already, or what became of it there.

    Raises `StoreError` when it has another one, which only a person can choose between.
    """
    if _is_same(record, there):
        return True
    identity_id = record.metadata.get("id")
    if identity_id is not None and identity_id == there.metadata.get("id"):
        return bool(there.metadata["updated_at"] >= record.metadata["updated_at"])
    raise StoreError("the new store already has another one", hint="delete one of the two, and run it again")
