"""Records whose secret is an item of the OS keyring, with their metadata in a SQLite file beside it."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from typing import Protocol

from everyauth_cli.errors import StoreError
from everyauth_cli.model import RecordKey, Secret
from everyauth_cli.store.at_once import check_may_wait
from everyauth_cli.store.records import (
    NOT_LOOKED_UP,
    Draft,
    DueTexts,
    Query,
    Record,
    Texts,
    VersionConflict,
    new_version,
    parse_object,
)
from everyauth_cli.store.table import RecordTable, Row

EARLIER = ("token", "client_secret", "key")
"""A field that each item of an earlier everyauth has, whose metadata was not in it."""

Check = Callable[[Secret[str] | None], None]
"""Looks at an item before it is written over; raises where it must not be."""


class Items(Protocol):
    """Secrets in the OS keyring, each under a name. Every call raises `StoreError` when it cannot be done."""

    def read(self, name: str) -> Secret[str] | None: ...

    def write(self, name: str, secret: Secret[str], *, check: Check | None = None) -> None:
        """Write and read back; `check` gets the present secret, which no process changes in between."""
        ...

    def delete(self, name: str) -> None:
        """Delete an item, if there is one."""
        ...

    def probe(self, name: str) -> None:
        """Find out whether an item can be written, which must leave none: some keyrings keep deleted ones."""
        ...

    def describe(self) -> str:
        """The place of the secrets, for people."""
        ...


class KeyringRecords:
    """An item holds the whole record, its metadata too: who can write the file alone changes nothing that is used.

    The item is written first and deleted last: a record that was cut off in between is found by its name, and the file
    only lists it late or too long. What is saved again after that is found to be there, and only listed.
    """

    caches = False

    def __init__(self, table: RecordTable, open_items: Callable[[], Items]) -> None:
        self.table = table
        self._open_items = open_items

    @functools.cached_property
    def items(self) -> Items:
        """The keyring, opened when it is first needed: listing needs none, and opening it may fail."""
        return self._open_items()

    @property
    def exists(self) -> bool:
        return self.table.exists

    def probe(self, key: RecordKey, name: str) -> bool:
        self.items.probe(name)
        self.table.add(key, "{}")
        self.table.delete(key)
        return True

    def get(self, key: RecordKey, name: str) -> Record | None:  # noqa: ARG002 - its name is all that an item has
        check_may_wait()
        secret = self.items.read(name)
        return None if secret is None else _record(name, secret)

    def peek(self, key: RecordKey) -> str | None:
        return self.table.peek(key)

    def save(self, key: RecordKey, name: str, draft: Draft, *, version: str | None) -> str:
        new, saved = new_version(), _item("", draft)

        def check(secret: Secret[str] | None) -> None:
            before = None if secret is None else _record(name, secret)
            # A save that was cut off has left this very record: only the list lacks it.
            there = before is not None and _item("", _draft(before)) == saved
            if not there and (before.version if before else None) != version:
                raise VersionConflict(f"another process changed {name} since it was read")

        self.items.write(name, _item(new, draft), check=check)
        self.table.replace(key, Row(draft.metadata, None, new, None, *draft.lookup))
        return new

    def add(self, key: RecordKey, metadata: str) -> bool:
        return self.table.add(key, metadata)

    def delete(self, key: RecordKey, name: str) -> None:
        """Delete the entry, then the item; if that cannot be done the entry is put back, so that it is still seen."""
        row = self.table.read(key)
        self.table.delete(key)
        try:
            self.items.delete(name)
        except StoreError:
            if row is not None:
                self.table.replace(key, Row._make(row))
            raise

    def list(self, query: Query, *, after: RecordKey | None, limit: int | None) -> Texts:
        return self.table.list(query, after=after, limit=limit)

    def due(
        self, profile: str, service: str, *, before: int, after: tuple[int, RecordKey] | None, limit: int
    ) -> DueTexts:
        return self.table.due(profile, service, before=before, after=after, limit=limit)

    def unreported(self, profile: str, *, since: int) -> Texts:
        return self.table.unreported(profile, since=since)

    def describe(self) -> str:
        return self.items.describe()


def _item(version: str, draft: Draft) -> Secret[str]:
    return Secret(f'{{"version":"{version}","metadata":{draft.metadata},"secret":{draft.secret.reveal()}}}')


def _draft(record: Record) -> Draft:
    secret = Secret(json.dumps(record.secret.reveal(), separators=(",", ":")))
    return Draft(json.dumps(record.metadata, separators=(",", ":")), secret, NOT_LOOKED_UP)


def _record(name: str, secret: Secret[str]) -> Record | None:
    """The record in an item; None for one that an earlier everyauth left, which is not taken over."""
    try:
        item = parse_object(secret.reveal())
        if "metadata" not in item and any(word in item for word in EARLIER):
            return None
        metadata, content, version = item["metadata"], item["secret"], item["version"]
    except (ValueError, LookupError, TypeError):
        raise _foreign(name) from None
    if not (isinstance(metadata, dict) and isinstance(content, dict) and isinstance(version, str)):
        raise _foreign(name)
    return Record(metadata, Secret(content), version)


def _foreign(name: str) -> StoreError:
    return StoreError(
        f"the keyring's item {name} was not written by everyauth", hint="delete that item by hand, then log in again"
    )
