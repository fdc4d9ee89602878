"""Stores for the tests, opened as the package opens them, and ways to reach behind them."""

from __future__ import annotations

import base64
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from everyauth_cli.model import RecordKey, Secret
from everyauth_cli.store.file_locks import ThreadLocks
from everyauth_cli.store.keyring.opening import Keyring
from everyauth_cli.store.locks import Locks
from everyauth_cli.store.memory import MemoryRecords
from everyauth_cli.store.opening import open_store
from everyauth_cli.store.records import NOT_LOOKED_UP, Lookup, Store
from everyauth_cli.store.sealed.key_place import SealingKey

KEY = base64.urlsafe_b64encode(bytes(32)).decode()
SEALING_KEY = SealingKey(text=Secret(KEY))


def keyring_of(directory: Path, **more: Any) -> Keyring:
    return Keyring(lock_directory=directory / "keyring.locks", **more)


def sealed_store(directory: Path, url: str = "sqlite://", *, key: SealingKey = SEALING_KEY, **more: Any) -> Store:
    """A sealed store in a directory, or at the URL of a file or a server."""
    return open_store(url, data_dir=directory, keyring=keyring_of(directory), sealing_key=key, **more)


def in_file(path: Path, statement: str, *values: object) -> list[Any]:
    """Run a statement behind a store's back."""
    with closing(sqlite3.connect(path)) as connection, connection:
        return connection.execute(statement, values).fetchall()


def overwrite(
    store: Store,
    key: RecordKey,
    *,
    metadata: dict[str, Any] | None = None,
    secret: dict[str, Any] | None = None,
    lookup: Lookup = NOT_LOOKED_UP,
) -> str:
    """Save a record over whatever version there is, with the parts of it that are not given as they are."""
    before = store.get(key)
    metadata = metadata if metadata is not None else (before.metadata if before else {})
    content = secret if secret is not None else (before.secret.reveal() if before else {})
    return store.save(key, metadata, Secret(content), version=before.version if before else None, lookup=lookup)


def damage(store: Store, key: RecordKey, *, metadata: str | None = None, secret: str | None = None) -> None:
    """Put a text that nobody of ours would write into a record of a store in memory."""
    assert isinstance(store.backend, MemoryRecords)
    kept = store.backend.records[key]
    draft = kept.draft._replace(
        metadata=kept.draft.metadata if metadata is None else metadata,
        secret=kept.draft.secret if secret is None else Secret(secret),
    )
    store.backend.records[key] = kept._replace(draft=draft)


def secret_text(store: Store, key: RecordKey) -> str:
    """The secret part of a record, as JSON."""
    record = store.get(key)
    assert record is not None
    return json.dumps(record.secret.reveal())


def over(backend: MemoryRecords, *, locks: Locks | None = None) -> Store:
    """A store over records in memory."""
    return Store(url="memory:", backend=backend, locks=locks or ThreadLocks())
