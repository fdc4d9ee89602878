"""Hand out a current token for one identity: the stored one while it is fresh, else a new one, refreshed once.

The order makes it safe for any number of processes. The lock comes before the read that decides; the record is
rewritten with `refreshing_since` before the refresh token is sent, which proves that the store can be written; and
every write compares the record's version, so that neither a newer login nor a deletion is undone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Any

from everyauth_cli.errors import (
    ClientRejected,
    InvalidGrant,
    LifetimeTooShort,
    ServiceError,
    ServiceUnreachable,
    ServiceUnreadable,
    StoreBusy,
    StoreError,
)
from everyauth_cli.event_log import Action, Record, ignore, recorded
from everyauth_cli.flows.clients import Clients, is_bound_to
from everyauth_cli.flows.freshness import is_alive, is_fresh, issued_lifetime
from everyauth_cli.flows.hints import bound_elsewhere, deleted_meanwhile, must_log_in, no_refresh_token
from everyauth_cli.model import Client, EndedGrant, Identity, RecordKey, Request, Response, Secret, Service, Token
from everyauth_cli.store.credential import Credential
from everyauth_cli.store.identities import (
    StoredIdentity,
    damaged,
    read_identity,
    record_of,
    save_identity,
    stored_identity,
)
from everyauth_cli.store.records import Store, VersionConflict

STORE_PAUSES = (0.2, 1.0, 3.0)
"""Seconds between attempts to store a token that the service has already rotated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """A requirement of a token: at least `min_ttl` milliseconds of remaining lifetime, and not the `rejected` one."""

    min_ttl: int = 0
    rejected: Secret[str] | None = None


CURRENT = Requirement()
"""The default: any token that has not expired."""


def requirement(min_ttl: int, rejected: str | Secret[str] | None) -> Requirement:
    """Make the requirement of a caller, who may give the rejected token as a plain text."""
    if not min_ttl and not rejected:
        return CURRENT
    return Requirement(min_ttl=min_ttl, rejected=Secret(rejected) if isinstance(rejected, str) else rejected)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refresher:
    """Hands out credentials, and refreshes their access tokens (RFC 6749 section 6).

    `clock` gives milliseconds since the epoch. `warn` receives a message when an old token is handed out because a
    new one could not be had; `shield` keeps interrupts out between the request and the end of its storing.
    """

    store: Store
    clients: Clients
    send: Callable[[Request], Response]
    clock: Callable[[], int]
    warn: Callable[[str], None]
    record: Record = ignore
    shield: Callable[[], AbstractContextManager[None]] = nullcontext

    def current(self, key: RecordKey, requirement: Requirement = CURRENT) -> Credential | None:
        """Return a credential that meets the requirement; None when the identity does not exist.

        Raises `LoginRequired`, `ServiceError`, `StoreError`, and `UsageProblem` for a client that is not set or
        not accepted.
        """
        found = self._read(key, requirement)
        if not isinstance(found, StoredIdentity):
            return found
        try:
            with self.store.lock(key), self.shield():
                return self._under_lock(key, requirement)
        except StoreBusy as busy:
            return self._without_lock(key, requirement, busy)

    def _read(self, key: RecordKey, requirement: Requirement) -> Credential | StoredIdentity | None:
        """Read the credential if it meets the requirement, else the stored identity that a new one is got with."""
        record = self.store.get(key)
        if record is None:
            return None
        try:
            if self._meets(record.secret.reveal(), requirement):
                return Credential(key, record)
            return stored_identity(self.store, key, record)
        except (LookupError, TypeError) as error:
            raise damaged(self.store, key, error) from None

    def _meets(self, secret: Mapping[str, Any], requirement: Requirement) -> bool:
        if requirement.rejected is not None and requirement.rejected == Secret(secret["access_token"]):
            return False
        fresh = is_fresh(secret["issued_at"], secret["expires_at"], now=self.clock(), min_ttl=requirement.min_ttl)
        return fresh and not secret["login_required"]

    def _under_lock(self, key: RecordKey, requirement: Requirement) -> Credential | None:
        stored = self._read(key, requirement)
        if not isinstance(stored, StoredIdentity):
            return stored
        return _credential(key, self._refresh(key, stored, requirement))

    def _refresh(self, key: RecordKey, stored: StoredIdentity, requirement: Requirement) -> StoredIdentity:
        refresh_token = self._refresh_token(key, stored, requirement)
        service, client = self.clients.registered(key.service)
        if not is_bound_to(stored.identity, service, client):
            raise bound_elsewhere(key)
        now = self.clock()
        marked = self._mark(key, stored, since=stored.refreshing_since or now)
        try:
            with recorded(self.record, self.clock, Action.REFRESH, key, refresh_token, client.client_secret):
                token = self._send(service, client, stored, refresh_token, now=now)
        except InvalidGrant as refusal:
            return self._adopt_or_end(key, marked, stored, refusal)
        except (ServiceError, ClientRejected) as error:
            return self._fall_back(key, marked, stored, requirement, error)
        return _check_lifetime(self._save(key, marked, token), requirement)

    def _send(
        self, service: Service, client: Client, stored: StoredIdentity, refresh_token: Secret[str], *, now: int
    ) -> Token:
        # A fresh token is handed out without these modules.
        from everyauth_cli.oauth.id_token import check_refreshed
        from everyauth_cli.oauth.token_endpoint import read_token, refresh_request

        request = refresh_request(service, client, refresh_token, redirect_uri=stored.identity.redirect_uri)
        token = read_token(service, self.send(request), requested_scope=None, now=now, previous=stored.token)
        if token.id_token is None:
            return token
        return replace(token, subject=check_refreshed(service, client, token.subject, token.id_token))

    def _refresh_token(self, key: RecordKey, stored: StoredIdentity, requirement: Requirement) -> Secret[str]:
        """Return the refresh token, or raise the error for an identity that no refresh can help."""
        if stored.identity.login_required is not None:
            raise must_log_in(key, stored.identity.login_required)
        if stored.token.refresh_token is None:
            raise no_refresh_token(key, rejected=requirement.rejected is not None)
        _check_lifetime(stored, requirement)
        return stored.token.refresh_token

    def _mark(self, key: RecordKey, stored: StoredIdentity, *, since: int | None) -> StoredIdentity:
        return self._write(key, replace(stored, refreshing_since=since))

    def _write(self, key: RecordKey, stored: StoredIdentity) -> StoredIdentity:
        # Also before the request, so that a store that could not take the new token is known by then.
        return save_identity(self.store, key, stored)

    def _save(self, key: RecordKey, marked: StoredIdentity, token: Token) -> StoredIdentity:
        """Store a refreshed token, in several attempts: the old refresh token may be spent."""
        fresh = StoredIdentity(identity=refreshed(marked.identity, token), token=token, version=marked.version)
        for pause in (*STORE_PAUSES, None):
            try:
                return self._write_or_adopt(key, fresh)
            except StoreError:
                if pause is None:
                    raise
                time.sleep(pause)
        raise AssertionError("unreachable")

    def _write_or_adopt(self, key: RecordKey, fresh: StoredIdentity) -> StoredIdentity:
        """Write the token, unless another process wrote meanwhile, or this one without hearing of it."""
        try:
            return self._write(key, fresh)
        except VersionConflict:
            newer = read_identity(self.store, key)
        if newer is None:
            raise deleted_meanwhile(key)
        return newer

    def _adopt_or_end(
        self, key: RecordKey, marked: StoredIdentity, before: StoredIdentity, refusal: InvalidGrant
    ) -> StoredIdentity:
        """After `invalid_grant`, return a newer token that another process stored, or mark the grant as ended."""
        stored = read_identity(self.store, key)
        if stored is None:
            raise deleted_meanwhile(key)
        if stored.token.access_token != marked.token.access_token:
            return stored
        reason = refusal.message
        if before.refreshing_since is not None:
            reason += "; the response to an earlier refresh was lost"
        ended = EndedGrant(since=self.clock(), reason=reason)
        marked = replace(stored, identity=replace(stored.identity, login_required=ended), refreshing_since=None)
        save_identity(self.store, key, marked)
        raise must_log_in(key, ended) from None

    def _fall_back(
        self,
        key: RecordKey,
        marked: StoredIdentity,
        before: StoredIdentity,
        requirement: Requirement,
        error: ServiceError | ClientRejected,
    ) -> StoredIdentity:
        """After a failure that says nothing about the grant, return the old token if it meets the requirement."""
        lost = isinstance(error, ServiceUnreadable) or (isinstance(error, ServiceUnreachable) and error.lost)
        if not lost:
            marked = self._mark(key, marked, since=before.refreshing_since)
        if isinstance(error, ServiceUnreachable):
            return self._old_token(marked, requirement, error)
        raise error

    def _without_lock(self, key: RecordKey, requirement: Requirement, busy: StoreBusy) -> Credential | None:
        stored = self._read(key, requirement)
        if not isinstance(stored, StoredIdentity):
            return stored
        return _credential(key, self._old_token(stored, requirement, ServiceError(busy.message, hint=busy.hint)))

    def _old_token(self, stored: StoredIdentity, requirement: Requirement, error: ServiceError) -> StoredIdentity:
        if requirement.min_ttl or not is_alive(stored.token, now=self.clock(), rejected=requirement.rejected):
            raise error
        self.warn(f"{error.message}; using the present token, which has not expired")
        return stored


def _check_lifetime(stored: StoredIdentity, requirement: Requirement) -> StoredIdentity:
    """Raise `LifetimeTooShort` where the service issues no token that lives long enough."""
    issued = issued_lifetime(stored.token)
    if issued is not None and requirement.min_ttl and issued <= requirement.min_ttl:
        raise LifetimeTooShort(
            f"{stored.identity.service} issues tokens for {issued // 1000} s, "
            f"and {requirement.min_ttl // 1000} s are required",
            hint="require less with --min-ttl",
        )
    return stored


def _credential(key: RecordKey, stored: StoredIdentity) -> Credential:
    return Credential(key, record_of(stored))


def refreshed(identity: Identity, token: Token) -> Identity:
    """Return an identity's metadata after it was given a token."""
    return replace(
        identity,
        scope=token.scope,
        account=token.account or identity.account,
        updated_at=token.issued_at,
        expires_at=token.expires_at,
        refreshable=token.refresh_token is not None,
        login_required=None,
    )
