"""Moves one record from one store to another, so that no two copies of a refresh token are ever used."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from everyauth_cli.errors import RecordMoved, StoreError, UsageProblem
from everyauth_cli.model import RecordKey, Secret
from everyauth_cli.store import client_record, identity_record
from everyauth_cli.store.records import MOVED_TO, Record, Store

KINDS = (client_record.KIND, identity_record.KIND)


def records(store: Store) -> list[RecordKey]:
    """The keys of all clients and identities of all profiles that have not been moved away, clients first."""
    found = (store.index.find(RecordKey(profile="", kind=kind, service="")) for kind in KINDS)
    return [key for entries in found for key, public in entries if MOVED_TO not in public]


def check_apart(source: Store, target: Store) -> None:
    """Raises `UsageProblem` when both are one store, whatever they are called."""
    mark = RecordKey(profile="", kind="move", service=secrets.token_hex(8))
    target.index.write(mark, {})
    try:
        if source.index.read(mark) is not None:
            raise UsageProblem(f"{source.url} and {target.url} are one store", hint="name another to move to")
    finally:
        target.index.delete(mark)


def move(source: Store, target: Store, key: RecordKey) -> None:
    """Move a record under its lock in both stores; what was cut off on the way is finished.

    Raises `StoreError`, with the record left where it was, when it cannot be moved.
    """
    with source.lock(key), target.lock(key):
        public = source.index.read(key)
        if public is None or MOVED_TO in public:
            return
        if not _is_tombstone(source, key):
            _copy(source, target, key, public)
            source.write(key, public=public, secret=Secret(_tombstone(target)))
        if key.kind == client_record.KIND:
            source.index.write(key, _tombstone(target))
        else:
            source.index.delete(key)


def _tombstone(target: Store) -> dict[str, Any]:
    return {MOVED_TO: target.url}


def _is_tombstone(store: Store, key: RecordKey) -> bool:
    try:
        store.read(key)
    except RecordMoved:
        return True
    return False


def _copy(source: Store, target: Store, key: RecordKey, public: Mapping[str, Any]) -> None:
    record = source.read(key)
    if record is None:
        raise StoreError(f"{source.name(key)} has no secret half in {source.url}", hint="log in again in the new store")
    # What was once moved from there may come back.
    there = None if _is_tombstone(target, key) else target.read(key)
    if there is not None and _is_later_copy(record, public, there, target.index.read(key) or {}):
        return
    target.write(key, public=public, secret=record.content)
    back = target.read(key)
    if back is None or back.content != record.content or target.index.read(key) != public:
        raise StoreError(f"{target.url} does not give back what was written to {target.name(key)}")


def _is_later_copy(record: Record, public: Mapping[str, Any], there: Record, public_there: Mapping[str, Any]) -> bool:
    """Whether what is in the target is this record already, or what became of it there.

    Raises `StoreError` when it is something else, which nobody but a person can choose between.
    """
    if there.content == record.content:
        return bool(public == public_there)
    same = public.get("id") is not None and public.get("id") == public_there.get("id")
    if same:
        return bool(public_there["updated_at"] >= public["updated_at"])
    raise StoreError(
        "another one is in the new store already", hint="delete the one of the two that is not wanted, and run it again"
    )
