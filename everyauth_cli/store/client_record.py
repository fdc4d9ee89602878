"""A client registration as the two halves of a record, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from everyauth_cli.model import Client, RecordKey, Secret
from everyauth_cli.store.records import MOVED_TO, Store, moved

KIND = "client"


def client_key(profile: str, service: str) -> RecordKey:
    return RecordKey(profile=profile, kind=KIND, service=service)


def read_public_client(store: Store, key: RecordKey) -> tuple[Client, bool] | None:
    """A client without its secret, and whether it has one; touches no secret."""
    public = store.index.read(key)
    return None if public is None else (_read_public(key, public), public["has_secret"])


def _read_public(key: RecordKey, public: Mapping[str, Any]) -> Client:
    if MOVED_TO in public:
        raise moved(f"the client of {key.service}", public[MOVED_TO])
    return Client(
        service=key.service,
        client_id=public["client_id"],
        scope=public["scope"],
        port=public["port"],
        redirect_uri=public.get("redirect_uri"),
        sandbox_url=public.get("sandbox_url"),
        params=public["params"],
        hosts=public.get("hosts", {}),
    )


def find_public_clients(store: Store, profile: str) -> list[Client]:
    """All clients of a profile without their secrets, in one reading of the index."""
    found = store.index.find(client_key(profile, ""))
    return [_read_public(key, public) for key, public in found if MOVED_TO not in public]


def read_client(store: Store, key: RecordKey) -> Client | None:
    """A client with its secret."""
    found = read_public_client(store, key)
    if found is None or not found[1]:
        return found and found[0]
    record = store.read(key)
    secret = record.content.reveal()["client_secret"] if record else None
    return replace(found[0], client_secret=Secret(secret) if secret else None)


def write_client(store: Store, client: Client, key: RecordKey) -> None:
    """Write both halves. Call it under the record's lock."""
    public = {
        "client_id": client.client_id,
        "scope": client.scope,
        "port": client.port,
        "redirect_uri": client.redirect_uri,
        "sandbox_url": client.sandbox_url,
        "params": dict(client.params),
        "hosts": dict(client.hosts),
        "has_secret": client.client_secret is not None,
    }
    content = {"client_secret": client.client_secret.reveal() if client.client_secret else None}
    store.write(key, public=public, secret=Secret(content))


def bind(store: Store, key: RecordKey, hosts: Mapping[str, str]) -> None:
    """Write which hosts a client is for where it does not say so yet. Call it under the record's lock."""
    public = store.index.read(key)
    if public is not None:
        store.index.write(key, {**public, "hosts": {**hosts, **public.get("hosts", {})}})
