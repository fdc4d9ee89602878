"""An identity and its token as the two halves of a record, and back."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, NamedTuple

from everyauth_cli.errors import StoreError
from everyauth_cli.model import Account, EndedGrant, Identity, RecordKey, Secret, Subject, Token
from everyauth_cli.store.records import Record, Store

KIND = "identity"
PUBLIC = [field.name for field in fields(Identity) if field.name not in ("service", "user", "tenant")]
"""What a public half has: all that its key does not say."""

BATCH = 100
"""How many entries of an index are read at a time; of more, the processor would forget the first before the last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredIdentity:
    """An identity as the vault holds it; `version` is empty before it is written.

    `refreshing_since` (milliseconds since the epoch) stands while a refresh is under way, or after one whose
    answer was lost.
    """

    identity: Identity
    token: Token
    refreshing_since: int | None = None
    version: str = ""


class IdentitySummary(NamedTuple):
    """What a list shows of an identity, made of its entry in the index in a quarter of the time that the whole takes.

    `label` and `scope` may be empty; the times are milliseconds since the epoch.
    """

    id: str
    service: str
    user: str
    tenant: str
    tags: Mapping[str, str]
    label: str
    scope: str
    created_at: int
    expires_at: int | None
    login_required: bool


def identity_key(profile: str, service: str, *, user: str, tenant: str = "") -> RecordKey:
    """The key of an identity; the tenant is the user unless it is named."""
    return RecordKey(profile, KIND, service, tenant or user, user)


def key_of(profile: str, identity: Identity) -> RecordKey:
    return identity_key(profile, identity.service, user=identity.user, tenant=identity.tenant)


def read_identity(store: Store, key: RecordKey) -> StoredIdentity | None:
    """What the vault holds for a key; the index is not touched."""
    record = store.read(key)
    return None if record is None else read_held(store, key, record)


def read_held(store: Store, key: RecordKey, record: Record) -> StoredIdentity:
    """What is in a record that was read."""
    try:
        return _held(key, record)
    except (LookupError, TypeError) as error:
        raise damaged(store, key, error) from None


def damaged(store: Store, key: RecordKey, error: Exception) -> StoreError:
    return StoreError(
        f"what the store holds under {store.name(key)} is damaged: {type(error).__name__}",
        hint="delete that item by hand, then log in again",
    )


def write_identity(store: Store, key: RecordKey, held: StoredIdentity, *, expect: str | None = None) -> str:
    """Write both halves and return the new version; `expect` as in `Store.write`."""
    content = content_of(held)
    return store.write(key, public=_public(held.identity), secret=content, expect=expect)


def content_of(held: StoredIdentity) -> Secret[dict[str, Any]]:
    """The secret half of an identity as it is written."""
    token = {
        "access_token": held.token.access_token.reveal(),
        "refresh_token": held.token.refresh_token.reveal() if held.token.refresh_token else None,
        "issued_at": held.token.issued_at,
        "lifetime": held.token.lifetime,
        "native": held.token.native.reveal(),
        "subject": asdict(held.token.subject) if held.token.subject else None,
    }
    return Secret({**_public(held.identity), "token": token, "refreshing_since": held.refreshing_since})


def read_public(store: Store, key: RecordKey) -> Identity | None:
    """The public half of an identity, from the index alone."""
    public = store.index.read(key)
    return None if public is None else _read_public(key, public)


def write_public(store: Store, key: RecordKey, identity: Identity) -> None:
    """Rewrite the public half alone."""
    store.index.write(key, _public(identity))


def find_identities(store: Store, wanted: RecordKey, *, after: RecordKey | None = None) -> Iterator[Identity]:
    """The identities of the key's profile that match its parts that are not empty, sorted; touches no secret."""
    return itertools.starmap(_read_public, _entries(store, wanted, after))


def list_identities(store: Store, wanted: RecordKey) -> Iterator[IdentitySummary]:
    """The same as a list shows them."""
    for key, public in _entries(store, wanted):
        try:
            account = public["account"]
            listed = IdentitySummary(
                public["id"],
                key.service,
                key.user,
                key.tenant,
                public["tags"],
                account["label"] if account else "",
                public["scope"] or "",
                public["created_at"],
                public["expires_at"],
                bool(public["login_required"]),
            )
        except (LookupError, TypeError) as error:
            raise _damaged_entry(key, error) from None
        yield listed


def _entries(
    store: Store, wanted: RecordKey, after: RecordKey | None = None
) -> Iterator[tuple[RecordKey, dict[str, Any]]]:
    """Entries of the index in batches, so that memory stays flat; what is written or deleted meanwhile is no matter."""
    while True:
        batch = store.index.find(wanted, after=after, limit=BATCH)
        yield from batch
        if len(batch) < BATCH:
            return
        after = batch[-1][0]


def find_readable(store: Store, wanted: RecordKey) -> Iterator[tuple[RecordKey, Identity]]:
    """The same with their keys, which tell the profile of each (an empty one matches any), but for damaged entries."""
    for key, public in store.index.find(wanted):
        with contextlib.suppress(StoreError):
            yield key, _read_public(key, public)


def _read_public(key: RecordKey, public: Mapping[str, Any]) -> Identity:
    try:
        return _identity(key, public)
    except (LookupError, TypeError) as error:
        raise _damaged_entry(key, error) from None


def _damaged_entry(key: RecordKey, error: Exception) -> StoreError:
    return StoreError(
        f"the index's entry of {key.user} at {key.service} is damaged: {type(error).__name__}",
        hint=f"everyauth login {key.service} writes it anew",
    )


def _held(key: RecordKey, record: Record) -> StoredIdentity:
    content = record.content.reveal()
    token = content["token"]
    identity = _identity(key, content)
    return StoredIdentity(
        identity=identity,
        token=Token(
            access_token=Secret(token["access_token"]),
            refresh_token=Secret(token["refresh_token"]) if token["refresh_token"] else None,
            scope=identity.scope,
            issued_at=token["issued_at"],
            expires_at=identity.expires_at,
            refresh_at=identity.refresh_at,
            lifetime=token.get("lifetime"),
            native=Secret(token["native"]),
            # Records of earlier versions have none.
            subject=Subject(**token["subject"]) if token.get("subject") else None,
            account=identity.account,
        ),
        refreshing_since=content["refreshing_since"],
        version=record.version,
    )


def _public(identity: Identity) -> dict[str, Any]:
    public = {name: getattr(identity, name) for name in PUBLIC}
    for name in ("account", "login_required"):
        public[name] = asdict(public[name]) if public[name] else None
    public["tags"] = dict(identity.tags)
    return public


def _identity(key: RecordKey, public: Mapping[str, Any]) -> Identity:
    account, gone = public["account"], public["login_required"]
    return Identity(
        id=public["id"],
        service=key.service,
        user=key.user,
        tenant=key.tenant,
        tags=public["tags"],
        scope=public["scope"],
        account=Account(**account) if account else None,
        created_at=public["created_at"],
        # Records of earlier versions have none.
        granted_at=public.get("granted_at", public["created_at"]),
        updated_at=public["updated_at"],
        expires_at=public["expires_at"],
        refresh_at=public.get("refresh_at"),
        refreshable=public["refreshable"],
        client_id=public["client_id"],
        token_endpoint=public["token_endpoint"],
        # Records of earlier versions have none.
        redirect_uri=public.get("redirect_uri", ""),
        login_required=EndedGrant(**gone) if gone else None,
    )
