"""An identity that the store cannot take, in a file beside it until it can."""

from __future__ import annotations

import json
from pathlib import Path

from everyauth_cli.model import RecordKey, Secret
from everyauth_cli.store.identities import StoredIdentity, record_of, stored_identity
from everyauth_cli.store.records import Record, Store, parse_object
from everyauth_cli.store.spool import Spool


def spool_identity(store: Store, spool: Spool, key: RecordKey, stored: StoredIdentity, *, spent: Secret[str]) -> Path:
    """Write an identity that the store cannot take to a file, with the token that was spent for it.

    Raises `StoreError`, `ConfigurationProblem`.
    """
    record = record_of(stored)
    parts = Secret({"metadata": record.metadata, "secret": record.secret.reveal(), "spent": spent.reveal()})
    return spool.put(store.name(key), Secret(json.dumps(parts.reveal())))


def spooled_identity(store: Store, spool: Spool, key: RecordKey) -> tuple[StoredIdentity, Secret[str]] | None:
    """Read such an identity, and the token that was spent for it."""
    text = spool.get(store.name(key))
    if text is None:
        return None
    content = Secret(parse_object(text.reveal()))
    record = Record(content.reveal()["metadata"], Secret(content.reveal()["secret"]), "")
    return stored_identity(store, key, record), Secret(content.reveal()["spent"])
