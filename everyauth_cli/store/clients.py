"""A client registration as a record: the one module that knows its JSON."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from everyauth_cli.errors import StoreError
from everyauth_cli.model import Client, RecordKey, Secret
from everyauth_cli.store.records import MOVED_TO, Query, Store

KIND = "client"
METADATA = [field.name for field in fields(Client) if field.name not in ("service", "client_secret")]
REGISTRATION = "registration"
"""The kind of a client that a server registered by itself (RFC 7591), by its issuer: any server of it may use it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredClient:
    """A client, and the version of the record that it was read from (None: not saved yet)."""

    client: Client
    version: str | None = None


def client_key(profile: str, service: str) -> RecordKey:
    return RecordKey(profile=profile, kind=KIND, service=service)


def registration_key(profile: str, issuer: str) -> RecordKey:
    return RecordKey(profile=profile, kind=REGISTRATION, service=issuer)


def read_client(store: Store, key: RecordKey) -> StoredClient | None:
    """The client of a key for use, with its secret. Raises `StoreError`."""
    record = store.get(key)
    if record is None:
        return None
    try:
        secret = record.secret.reveal()
        client = replace(
            _client(key, record.metadata),
            client_secret=Secret(secret["client_secret"]) if secret["client_secret"] else None,
            private_keys=tuple(map(Secret, secret.get("private_keys", ()))),
        )
    except (LookupError, TypeError, ValueError) as error:
        raise _damaged(key, error) from None
    return StoredClient(client=client, version=record.version)


def peek_client(store: Store, key: RecordKey) -> tuple[Client, bool] | None:
    """A client without its secrets, and whether it has any, for show: not verified, and no secret is touched."""
    metadata = store.peek(key)
    if metadata is None:
        return None
    if MOVED_TO in metadata:
        # Whoever can write to the store can write metadata; the secret part alone may name another store.
        store.get(key)
        raise _damaged(key, ValueError("it is not sealed as moved"))
    return _peeked(key, metadata), bool(metadata.get("has_secret"))


def list_clients(store: Store, profile: str) -> Iterator[Client]:
    """All clients of a profile without their secrets, for show."""
    entries = store.entries(Query(client_key(profile, "")))
    return (_peeked(key, metadata) for key, metadata in entries if MOVED_TO not in metadata)


def save_client(store: Store, key: RecordKey, stored: StoredClient) -> StoredClient:
    """Save a client over the version that was read. Raises `VersionConflict`; call it under the record's lock."""
    client = stored.client
    metadata = {
        "client_id": client.client_id,
        "scope": client.scope,
        "port": client.port,
        "redirect_uri": client.redirect_uri,
        "sandbox_url": client.sandbox_url,
        "params": dict(client.params),
        "origins": dict(client.origins),
        "has_secret": client.client_secret is not None or bool(client.private_keys),
    }
    if client.server:
        metadata["server"] = dict(client.server)
    secret: dict[str, Any] = {"client_secret": client.client_secret.reveal() if client.client_secret else None}
    if client.private_keys:
        secret["private_keys"] = [private_key.reveal() for private_key in client.private_keys]
    return replace(stored, version=store.save(key, metadata, Secret(secret), version=stored.version))


def _peeked(key: RecordKey, metadata: Mapping[str, Any]) -> Client:
    try:
        return _client(key, metadata)
    except (LookupError, TypeError, ValueError) as error:
        raise _damaged(key, error) from None


def _client(key: RecordKey, metadata: Mapping[str, Any]) -> Client:
    # One that an earlier version wrote lacks the fields that came later: each has a default.
    return Client(service=key.service, **{name: metadata[name] for name in METADATA if name in metadata})


def _damaged(key: RecordKey, error: Exception) -> StoreError:
    return StoreError(
        f"the client of {key.service} in the store is damaged: {type(error).__name__}",
        hint=f"remove it, then set it anew: everyauth service rm {shlex.quote(key.service)}",
    )
