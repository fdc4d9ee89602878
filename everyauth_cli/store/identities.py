"""An identity and its token as a record: the one module that knows their JSON."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, NamedTuple

from everyauth_cli.errors import StoreError
from everyauth_cli.model import Account, Identity, RecordKey, Secret, Token
from everyauth_cli.oauth.grant import EndedGrant, LoginReason, Subject
from everyauth_cli.store.grant_json import grant_json, read_grant
from everyauth_cli.store.records import MOVED_TO, Entry, Lookup, Query, Record, Store, tag_text

KIND = "identity"
DPOP = "dpop"
"""The field of the secret for the key that the tokens are bound to (RFC 9449), and the last nonces for it."""
BOUND_TO = ("issuer", "resource", "jkt")
"""The fields that few identities have and that are texts."""
FEW = ("params", "repeated", *BOUND_TO)
"""The fields that few identities have."""
ELSEWHERE = ("service", "user", "tenant", *FEW)
METADATA = [field.name for field in fields(Identity) if field.name not in ELSEWHERE]
"""The fields of every identity's metadata: all others that its key does not say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedRefresh:
    """The last refresh, which failed: the error, the failures in a row, and until when none is tried again.

    `code`, `message`, `hint`, `error` and `status` are those of the error; `until` is milliseconds since the epoch.
    """

    code: str
    message: str
    hint: str | None
    error: str | None
    status: int | None
    until: int
    failures: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadResponse:
    """A response to a refresh in which no token was found; `body` is its bytes as Latin-1, which loses none.

    `received_at` is milliseconds since the epoch.
    """

    status: int
    content_type: str
    body: Secret[str]
    received_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredIdentity:
    """An identity with its token, and the version of the record that it was read from (None: not saved yet).

    `refreshing_since` (milliseconds since the epoch) is set while a refresh is under way, or after one whose response
    was lost; `last_failure` after one that failed, `unread` after a response that could not be read.
    """

    identity: Identity
    token: Token
    refreshing_since: int | None = None
    version: str | None = None
    last_failure: FailedRefresh | None = None
    unread: UnreadResponse | None = None


class IdentitySummary(NamedTuple):
    """An identity as a list shows it, made of its metadata in a quarter of the time that the whole takes.

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
    refreshable: bool
    login_required: bool


def identity_key(profile: str, service: str, *, user: str, tenant: str = "") -> RecordKey:
    """The key of an identity; the tenant is the user unless it is named."""
    return RecordKey(profile, KIND, service, tenant or user, user)


def key_of(profile: str, identity: Identity) -> RecordKey:
    return identity_key(profile, identity.service, user=identity.user, tenant=identity.tenant)


def identity_query(
    profile: str,
    service: str = "",
    *,
    user: str = "",
    tenant: str = "",
    tags: Mapping[str, str] | None = None,
    identity_id: str = "",
) -> Query:
    """The identities that match all parts that are not empty; an empty profile matches any."""
    key = RecordKey(profile, KIND, service, tenant, user)
    return Query(key, identity_id, tuple(tag_text(name, value) for name, value in (tags or {}).items()))


def read_identity(store: Store, key: RecordKey) -> StoredIdentity | None:
    """The identity of a key for use, with its token. Raises `StoreError`."""
    record = store.get(key)
    return None if record is None else stored_identity(store, key, record)


def stored_identity(store: Store, key: RecordKey, record: Record) -> StoredIdentity:
    """The identity in a record that was read. Raises `StoreError` for a damaged one."""
    try:
        return _stored(key, record)
    except (LookupError, TypeError, ValueError) as error:
        raise damaged(store, key, error) from None


def damaged(store: Store, key: RecordKey, error: Exception) -> StoreError:
    return StoreError(
        f"the record {store.name(key)} is damaged: {type(error).__name__}",
        hint="delete that record by hand, then log in again",
    )


def save_identity(store: Store, key: RecordKey, stored: StoredIdentity) -> StoredIdentity:
    """Save an identity over the version that was read, and return it with the new one.

    Marks are saved so too. Raises `VersionConflict` when another process has saved since; call it under the lock.
    """
    record = record_of(stored)
    version = store.save(key, record.metadata, record.secret, version=stored.version, lookup=lookup_of(record.metadata))
    return replace(stored, version=version)


def record_of(stored: StoredIdentity) -> Record:
    """An identity as the record that is saved of it."""
    identity, token = stored.identity, stored.token
    secret = {
        "access_token": token.access_token.reveal(),
        "refresh_token": token.refresh_token.reveal() if token.refresh_token else None,
        "issued_at": token.issued_at,
        "lifetime": token.lifetime,
        # These three of the metadata once more: a fresh token is handed out without a look at the rest.
        "expires_at": identity.expires_at,
        "refresh_at": identity.refresh_at,
        "login_required": identity.login_required is not None,
        "native": token.native.reveal(),
        "subject": _plain(token.subject) if token.subject else None,
        "refreshing_since": stored.refreshing_since,
    }
    if token.proof_key is not None:
        secret[DPOP] = {"key": token.proof_key.reveal(), "nonces": dict(token.nonces)}
    if stored.last_failure is not None:
        secret["last_failure"] = _plain(stored.last_failure)
    if stored.unread is not None:
        secret["unread"] = {**_plain(stored.unread), "body": stored.unread.body.reveal()}
    return Record(_metadata(identity), Secret(secret), stored.version or "")


def lookup_of(metadata: Mapping[str, Any]) -> Lookup:
    """The columns that an identity is looked up by, from its metadata."""
    ended, tags = metadata["login_required"], metadata["tags"]
    unreported = ended["since"] if ended and ended["reported_at"] is None else None
    texts = json.dumps(sorted(tag_text(name, value) for name, value in tags.items())) if tags else None
    due = metadata["refresh_at"] if metadata["expires_at"] is None else metadata["expires_at"]
    is_refreshed = not ended or ended["kind"] == LoginReason.REFUSED
    return Lookup(metadata["id"], texts, due if is_refreshed else ended["since"], unreported)


def peek_identity(store: Store, key: RecordKey) -> Identity | None:
    """An identity without its token, for show: not verified, and no secret is touched."""
    metadata = store.peek(key)
    return None if metadata is None or MOVED_TO in metadata else _read(Entry(key, metadata))


def find_identities(store: Store, query: Query, *, after: RecordKey | None = None) -> Iterator[Identity]:
    """The identities of a query for show, sorted, read in batches: memory stays flat; touches no secret."""
    return map(_read, _entries(store, query, after))


def list_identities(store: Store, query: Query, *, after: RecordKey | None = None) -> Iterator[IdentitySummary]:
    """The same as a list shows them."""
    return map(_summary, _entries(store, query, after))


def list_keys(store: Store, query: Query) -> Iterator[RecordKey]:
    """The keys of the same."""
    return (entry.key for entry in _entries(store, query))


def find_due(store: Store, profile: str, service: str, *, before: int) -> Iterator[Identity]:
    """The identities of a service that need a refresh or a login before that moment, the first due first."""
    return map(_read, store.due(profile, service, before=before))


def services_with_identities(store: Store, profile: str) -> Iterator[str]:
    """The services of a profile's identities, sorted; one entry is read for each."""
    after = None
    while found := store.list(identity_query(profile), after=after, limit=1):
        key = found[0].key
        yield key.service
        # No service's name has that character, so this sorts behind all of its identities and before the next service.
        after = RecordKey(key.profile, key.kind, f"{key.service}\x01")


def find_readable(store: Store, query: Query) -> Iterator[tuple[RecordKey, Identity]]:
    """The same with their keys, without those that are damaged."""
    return _readable(_entries(store, query))


def find_unreported(store: Store, profile: str, *, since: int) -> Iterator[tuple[RecordKey, Identity]]:
    """The identities that need a login since that moment or later, and were not reported."""
    return _readable(iter(store.unreported(profile, since=since)))


def _entries(store: Store, query: Query, after: RecordKey | None = None) -> Iterator[Entry]:
    return (entry for entry in store.entries(query, after=after) if MOVED_TO not in entry.metadata)


def _readable(entries: Iterator[Entry]) -> Iterator[tuple[RecordKey, Identity]]:
    for entry in entries:
        with contextlib.suppress(StoreError):
            yield entry.key, _read(entry)


def _read(entry: Entry) -> Identity:
    try:
        return _identity(entry.key, entry.metadata)
    except (LookupError, TypeError, ValueError) as error:
        raise _damaged_entry(entry.key, error) from None


def _summary(entry: Entry) -> IdentitySummary:
    key, metadata = entry
    try:
        account = metadata["account"]
        return IdentitySummary(
            metadata["id"],
            key.service,
            key.user,
            key.tenant,
            metadata["tags"],
            account["label"] if account else "",
            metadata["scope"] or "",
            metadata["created_at"],
            metadata["expires_at"],
            metadata["refreshable"],
            bool(metadata["login_required"]),
        )
    except (LookupError, TypeError, ValueError) as error:
        raise _damaged_entry(key, error) from None


def _damaged_entry(key: RecordKey, error: Exception) -> StoreError:
    return StoreError(
        f"the entry of user {key.user!r} at {key.service} is damaged: {type(error).__name__}",
        hint="delete that record by hand, then log in again",
    )


def _stored(key: RecordKey, record: Record) -> StoredIdentity:
    secret = record.secret.reveal()
    identity = _identity(key, record.metadata)
    return StoredIdentity(
        identity=identity,
        token=Token(
            access_token=Secret(secret["access_token"]),
            refresh_token=Secret(secret["refresh_token"]) if secret["refresh_token"] else None,
            scope=identity.scope,
            issued_at=secret["issued_at"],
            expires_at=identity.expires_at,
            refresh_at=identity.refresh_at,
            lifetime=secret["lifetime"],
            native=Secret(secret["native"]),
            subject=Subject(**secret["subject"]) if secret["subject"] else None,
            account=identity.account,
            **_bound(secret),
        ),
        refreshing_since=secret["refreshing_since"],
        version=record.version,
        last_failure=FailedRefresh(**secret["last_failure"]) if "last_failure" in secret else None,
        unread=_unread(secret["unread"]) if "unread" in secret else None,
    )


def _bound(secret: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a token that is bound to a key; none for any other."""
    if DPOP not in secret:
        return {}
    key, nonces = secret[DPOP]["key"], secret[DPOP]["nonces"]
    if not isinstance(key, str) or not key:
        raise TypeError(type(key).__name__)
    return {"proof_key": Secret(key), "nonces": {str(name): str(nonce) for name, nonce in nonces.items()}}


def _unread(content: Mapping[str, Any]) -> UnreadResponse:
    return UnreadResponse(**{**content, "body": Secret(content["body"])})


def _plain(value: Account | EndedGrant | FailedRefresh | Subject | UnreadResponse) -> dict[str, Any]:
    """Its fields, none of which holds another: `dataclasses.asdict` takes ten times as long to find that out."""
    return {name: getattr(value, name) for name in value.__slots__}


def _metadata(identity: Identity) -> dict[str, Any]:
    metadata = {name: getattr(identity, name) for name in METADATA}
    for name in ("account", "login_required"):
        metadata[name] = _plain(metadata[name]) if metadata[name] else None
    metadata |= {"tags": dict(identity.tags), "origins": dict(identity.origins)}
    few = {"params": dict(identity.params), **{name: getattr(identity, name) for name in BOUND_TO}}
    few["repeated"] = grant_json(identity.repeated) if identity.repeated else None
    return metadata | {name: value for name, value in few.items() if value}


def _identity(key: RecordKey, metadata: Mapping[str, Any]) -> Identity:
    # One that an earlier version wrote lacks the fields that came later: each has a default.
    found = {name: metadata[name] for name in (*METADATA, *FEW) if name in metadata}
    if account := found["account"]:
        found["account"] = Account(**account)
    if ended := found.get("login_required"):
        found["login_required"] = EndedGrant(**{**ended, "kind": LoginReason(ended["kind"])})
    if repeated := found.get("repeated"):
        found["repeated"] = read_grant(repeated)
    return Identity(service=key.service, user=key.user, tenant=key.tenant, **found)
