"""A current token for one identity: handed out when fresh, else refreshed once, whoever else asks for it.

The order is what makes it safe. The lock comes before the read that decides; the record is rewritten with
`refreshing_since` before the refresh token is spent, which proves that the store can be written; and every
write compares the record's version, so that neither a newer login nor a deletion is undone.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Any

from everyauth_cli.errors import (
    ClientRejected,
    InvalidGrant,
    LifetimeTooShort,
    LoginRequired,
    ServiceError,
    ServiceUnreachable,
    ServiceUnreadable,
    StoreBusy,
    StoreError,
)
from everyauth_cli.event_log import REFRESH, Record, ignore, recorded
from everyauth_cli.flows.clients import Clients, is_bound_to
from everyauth_cli.flows.freshness import is_alive, is_fresh, issued_lifetime
from everyauth_cli.model import (
    DEFAULT_PROFILE,
    DEFAULT_USER,
    SANDBOX_PROFILE,
    EndedGrant,
    Identity,
    RecordKey,
    Request,
    Response,
    Secret,
    Token,
)
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
"""Seconds between tries to keep a token that the service has already rotated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What is asked of a token: `min_ttl` milliseconds of life at least, and not to be the `rejected` one."""

    min_ttl: int = 0
    rejected: Secret[str] | None = None


NOTHING_MORE = Demand()
"""That the token is current, which is what nearly all ask for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refresher:
    """Everything that a refresh needs.

    `warn` is told when an old token has to do; `shield` keeps interrupts out from the request to its storing.
    """

    store: Store
    clients: Clients
    send: Callable[[Request], Response]
    clock: Callable[[], int]
    warn: Callable[[str], None]
    record: Record = ignore
    shield: Callable[[], AbstractContextManager[None]] = nullcontext

    def current(self, key: RecordKey, demand: Demand) -> Credential | None:
        """A credential that meets the demand; None when there is no such identity.

        Raises `LoginRequired`, `ServiceError`, `StoreError`, and `UsageProblem` for a client that is not set or
        not accepted.
        """
        found = self._read(key, demand)
        if not isinstance(found, StoredIdentity):
            return found
        try:
            with self.store.lock(key), self.shield():
                return self._under_lock(key, demand)
        except StoreBusy as busy:
            return self._without_lock(key, demand, busy)

    def _read(self, key: RecordKey, demand: Demand) -> Credential | StoredIdentity | None:
        """The credential if it meets the demand, and what there is for another one if it does not."""
        record = self.store.get(key)
        if record is None:
            return None
        try:
            if self._will_do(record.secret.reveal(), demand):
                return Credential(key, record)
            return stored_identity(self.store, key, record)
        except (LookupError, TypeError) as error:
            raise damaged(self.store, key, error) from None

    def _will_do(self, secret: Mapping[str, Any], demand: Demand) -> bool:
        if demand.rejected is not None and demand.rejected == Secret(secret["access_token"]):
            return False
        fresh = is_fresh(secret["issued_at"], secret["expires_at"], now=self.clock(), min_ttl=demand.min_ttl)
        return fresh and not secret["login_required"]

    def _under_lock(self, key: RecordKey, demand: Demand) -> Credential | None:
        held = self._read(key, demand)
        if not isinstance(held, StoredIdentity):
            return held
        return _credential(key, self._refreshed(key, held, demand))

    def _refreshed(self, key: RecordKey, held: StoredIdentity, demand: Demand) -> StoredIdentity:
        from everyauth_cli.oauth.id_token import check_refreshed
        from everyauth_cli.oauth.token_endpoint import read_token, refresh_request

        refresh_token = self._check(key, held, demand)
        service, client = self.clients.registered(key.service)
        if not is_bound_to(held.identity, service, client):
            raise granted_elsewhere(held.identity, key)
        now = self.clock()
        marked = self._mark(key, held, since=held.refreshing_since or now)
        hide = (refresh_token, client.client_secret)
        try:
            with recorded(self.record, self.clock, REFRESH, key, hide=hide):
                request = refresh_request(service, client, refresh_token, redirect_uri=held.identity.redirect_uri)
                answer = self.send(request)
                token = read_token(service, answer, asked=None, now=now, previous=held.token)
                if token.id_token is not None:
                    token = replace(token, subject=check_refreshed(service, client, token.subject, token.id_token))
        except InvalidGrant as refused:
            return self._adopt_or_give_up(key, marked, held, refused)
        except (ServiceError, ClientRejected) as error:
            return self._make_do(key, marked, held, demand, error)
        return self._check_life(self._keep(key, marked, token), demand)

    def _check(self, key: RecordKey, held: StoredIdentity, demand: Demand) -> Secret[str]:
        """The refresh token, if asking for a new token can help at all."""
        if held.identity.login_required is not None:
            raise gone(held.identity, key)
        if held.token.refresh_token is None:
            reason = "was rejected" if demand.rejected else "has expired or will too soon"
            raise LoginRequired(
                f"the access token of {whose(held.identity)} at {held.identity.service} {reason}, "
                "and there is no refresh token",
                hint=login_again(held.identity, key),
            )
        self._check_life(held, demand)
        return held.token.refresh_token

    def _check_life(self, held: StoredIdentity, demand: Demand) -> StoredIdentity:
        issued = issued_lifetime(held.token)
        if issued is not None and demand.min_ttl and issued <= demand.min_ttl:
            raise LifetimeTooShort(
                f"{held.identity.service} issues tokens for {issued // 1000} s, "
                f"and {demand.min_ttl // 1000} s were asked for",
                hint="ask for less with --min-ttl",
            )
        return held

    def _mark(self, key: RecordKey, held: StoredIdentity, *, since: int | None) -> StoredIdentity:
        return self._rewrite(key, replace(held, refreshing_since=since))

    def _rewrite(self, key: RecordKey, held: StoredIdentity) -> StoredIdentity:
        # A store that would not take the response is so known before the request is sent.
        return save_identity(self.store, key, held)

    def _keep(self, key: RecordKey, marked: StoredIdentity, token: Token) -> StoredIdentity:
        """Store a refreshed token; the old refresh token may be dead, so a store that stumbles is tried again."""
        fresh = StoredIdentity(identity=refreshed(marked.identity, token), token=token, version=marked.version)
        for pause in (*STORE_PAUSES, None):
            try:
                return self._settle(key, fresh)
            except StoreError:
                if pause is None:
                    raise
                time.sleep(pause)
        raise AssertionError("unreachable")

    def _settle(self, key: RecordKey, fresh: StoredIdentity) -> StoredIdentity:
        """Save the token, unless another process has saved since, or we ourselves, without hearing of it."""
        try:
            return self._rewrite(key, fresh)
        except VersionConflict:
            newer = read_identity(self.store, key)
        if newer is None:
            raise _deleted(fresh.identity, key)
        return newer

    def _adopt_or_give_up(
        self, key: RecordKey, marked: StoredIdentity, before: StoredIdentity, refused: InvalidGrant
    ) -> StoredIdentity:
        """After `invalid_grant`: a newer token that somebody else stored, or else the grant is gone."""
        now = read_identity(self.store, key)
        if now is None:
            raise _deleted(marked.identity, key)
        if now.token.access_token != marked.token.access_token:
            return now
        reason = refused.message
        if before.refreshing_since is not None:
            reason += "; an answer to an earlier refresh was lost on the way"
        over = replace(now.identity, login_required=EndedGrant(since=self.clock(), reason=reason))
        save_identity(self.store, key, replace(now, identity=over, refreshing_since=None))
        raise gone(over, key) from None

    def _make_do(
        self,
        key: RecordKey,
        marked: StoredIdentity,
        before: StoredIdentity,
        demand: Demand,
        error: ServiceError | ClientRejected,
    ) -> StoredIdentity:
        """After a failure that says nothing about the grant: the old token while it lives and will do."""
        lost = isinstance(error, ServiceUnreadable) or (isinstance(error, ServiceUnreachable) and error.lost)
        if not lost:
            marked = self._mark(key, marked, since=before.refreshing_since)
        if isinstance(error, ServiceUnreachable):
            return self._old_token(marked, demand, error)
        raise error

    def _without_lock(self, key: RecordKey, demand: Demand, busy: StoreBusy) -> Credential | None:
        held = self._read(key, demand)
        if not isinstance(held, StoredIdentity):
            return held
        return _credential(key, self._old_token(held, demand, ServiceError(busy.message, hint=busy.hint)))

    def _old_token(self, held: StoredIdentity, demand: Demand, error: ServiceError) -> StoredIdentity:
        if demand.min_ttl or not is_alive(held.token, now=self.clock(), rejected=demand.rejected):
            raise error
        self.warn(f"{error.message}; the present token is handed out, which still lives")
        return held


def _credential(key: RecordKey, held: StoredIdentity) -> Credential:
    return Credential(key, record_of(held))


def refreshed(identity: Identity, token: Token) -> Identity:
    """The identity with what a new token says."""
    return replace(
        identity,
        scope=token.scope,
        account=token.account or identity.account,
        updated_at=token.issued_at,
        expires_at=token.expires_at,
        refreshable=token.refresh_token is not None,
        login_required=None,
    )


def login_command(service: str, *, user: str, tenant: str = "", profile: str = "") -> str:
    """The command that logs a user in; the profile is named when it is given."""
    words = ["everyauth", "login", service]
    if user != DEFAULT_USER:
        words += ["--user", user]
    if tenant not in ("", user):
        words += ["--tenant", tenant]
    if profile == SANDBOX_PROFILE:
        words += ["--sandbox"]
    elif profile:
        words += ["--profile", profile]
    return shlex.join(words)


def login_again(identity: Identity, key: RecordKey) -> str:
    """The command that renews what an identity has granted."""
    profile = "" if key.profile == DEFAULT_PROFILE else key.profile
    return login_command(identity.service, user=identity.user, tenant=identity.tenant, profile=profile)


def whose(identity: Identity) -> str:
    """The user of an identity, with the tenant where that is another."""
    return identity.user if identity.tenant == identity.user else f"{identity.user} of {identity.tenant}"


def gone(identity: Identity, key: RecordKey) -> LoginRequired:
    """That the grant of an identity is over, which is marked as such."""
    assert identity.login_required is not None
    return LoginRequired(
        f"what {whose(identity)} granted at {identity.service} is gone: {identity.login_required.reason}",
        hint=login_again(identity, key),
    )


def granted_elsewhere(identity: Identity, key: RecordKey) -> LoginRequired:
    """That a grant is bound to another client or token endpoint, so that its tokens are sent to nobody."""
    return LoginRequired(
        f"{whose(identity)} granted access at {identity.service} to another client or token endpoint than the one "
        "that is set now; nothing was sent",
        hint=login_again(identity, key),
    )


def _deleted(identity: Identity, key: RecordKey) -> LoginRequired:
    return LoginRequired(
        f"{whose(identity)} at {identity.service} was deleted while its token was refreshed",
        hint=login_again(identity, key),
    )
