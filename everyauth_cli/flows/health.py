"""Health checks: refresh tokens that expire soon, and ask each service whether it still accepts a token."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from everyauth_cli.errors import EveryAuthError, LoginRequired, ServiceError, ServiceUnreachable
from everyauth_cli.event_log import Record, ignore
from everyauth_cli.flows.account_endpoint import AccountEndpoint
from everyauth_cli.flows.batch import ByService, HealthState, Outcome, Pacing
from everyauth_cli.flows.clients import Clients
from everyauth_cli.flows.freshness import is_alive, is_due
from everyauth_cli.flows.hints import bound_elsewhere, login_again, must_log_in, user_of_tenant
from everyauth_cli.flows.host_pinning import is_bound_to
from everyauth_cli.flows.refresh import Refresher
from everyauth_cli.flows.requirement import SIGNING, Requirement
from everyauth_cli.model import Account, Client, Identity, RecordKey, Request, Response, Secret, Service, Token
from everyauth_cli.oauth.grant import EndedGrant, LoginReason
from everyauth_cli.oauth.retry_after import seconds_until
from everyauth_cli.services.callback import with_callback
from everyauth_cli.store.credential import AccessToken
from everyauth_cli.store.identities import StoredIdentity, key_of, peek_identity, read_identity, save_identity
from everyauth_cli.store.records import Store

UNAUTHORIZED = 401


class _Deleted(Exception):
    """The identity was deleted after it was listed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthCheck:
    """Refreshes or checks one identity of a profile at a time; many threads may share it.

    `clock` gives milliseconds since the epoch.
    """

    profile: str
    store: Store
    clients: Clients
    refresher: Refresher
    send: Callable[[Request], Response]
    clock: Callable[[], int]
    record: Record = ignore

    def refresh_all(
        self, by_service: ByService, pacing: Pacing | None, *, expiring_within: int | None
    ) -> Iterator[Outcome]:
        """Refresh many identities, several at once; see `refresh`."""
        refresh = functools.partial(self.refresh, expiring_within=expiring_within)
        patience = self.refresher.patience
        pacing = replace(pacing or Pacing(), silence=patience.notice_after, on_silence=self._notice)
        return pacing.outcomes(by_service, refresh, refreshes=True)

    def _notice(self, services: list[str]) -> None:
        names = " and ".join(services)
        self.refresher.patience.notice(f"Still waiting for {names} to refresh tokens; what comes will be stored ...")

    def check_all(self, by_service: ByService, pacing: Pacing | None) -> Iterator[Outcome]:
        """Check many identities, several at once; see `check`."""
        return (pacing or Pacing()).outcomes(by_service, self.check)

    def refresh(self, identity: Identity, *, expiring_within: int | None) -> Outcome:
        """Refresh an access token that expires within so many milliseconds; with None, whenever it expires."""
        return self._outcome(identity, lambda key: self._refresh(key, identity, expiring_within))

    def check(self, identity: Identity) -> Outcome:
        """Ask the service for the account of the token, after a refresh of one that is stale or rejected."""
        return self._outcome(identity, lambda key: (self._check(key, identity), None))

    def _outcome(self, identity: Identity, act: Callable[[RecordKey], tuple[HealthState, Identity | None]]) -> Outcome:
        """Return the outcome of an act, which gives the identity as it is stored then where it knows it."""
        key = key_of(self.profile, identity)
        if identity.login_required is not None and identity.login_required.kind is not LoginReason.REFUSED:
            required = must_log_in(key, identity.login_required, identity.repeated)
            return Outcome(identity=identity, state=HealthState.LOGIN_REQUIRED, error=required)
        try:
            state, now = act(key)
        except _Deleted:
            return Outcome(identity=identity, state=HealthState.DELETED)
        except EveryAuthError as error:
            return self._failure(key, identity, error)
        now = now or peek_identity(self.store, key) or identity
        other = _other_account(key, now) if state is HealthState.OTHER_ACCOUNT else None
        return Outcome(identity=now, state=state, error=other)

    def _failure(self, key: RecordKey, identity: Identity, error: EveryAuthError) -> Outcome:
        pause = None
        if isinstance(error, ServiceUnreachable) and error.retry_after is not None:
            pause = seconds_until(error.retry_after, now=self.clock())
        if isinstance(error, LoginRequired) and (now := peek_identity(self.store, key)) and now.login_required:
            return Outcome(identity=now, state=HealthState.LOGIN_REQUIRED, error=error)
        return Outcome(identity=identity, state=HealthState.FAILED, error=error, retry_after=pause)

    def _refresh(
        self, key: RecordKey, identity: Identity, expiring_within: int | None
    ) -> tuple[HealthState, Identity | None]:
        if not identity.refreshable:
            return self._without_refresh_token(key, identity), None
        if not self._is_due(identity, expiring_within):
            return HealthState.FRESH, None
        stored = self._stored(key)
        if not self._is_due(stored.identity, expiring_within):
            return HealthState.FRESH, stored.identity
        # The old token must not pass for a refreshed one, however long it lives.
        fresh = self.refresher.renewed(key, stored, Requirement(replaced=stored.token.access_token))
        if fresh is None:
            raise _Deleted
        return HealthState.REFRESHED, fresh.identity

    def _is_due(self, identity: Identity, expiring_within: int | None) -> bool:
        if expiring_within is None:
            return True
        return is_due(identity.expires_at, identity.refresh_at, now=self.clock(), within=expiring_within)

    def _without_refresh_token(self, key: RecordKey, identity: Identity) -> HealthState:
        if identity.expires_at is None or identity.expires_at > self.clock():
            return HealthState.NO_REFRESH_TOKEN
        reason = "its access token has expired, and there is no refresh token"
        self._end(key, reason, still=lambda stored: not (stored.token.refresh_token or self._is_alive(stored.token)))
        return HealthState.FRESH

    def _is_alive(self, token: Token) -> bool:
        return is_alive(token, now=self.clock())

    def _check(self, key: RecordKey, identity: Identity) -> HealthState:
        if not identity.refreshable:
            self._without_refresh_token(key, identity)
        service = self.clients.filled(identity.service)
        if service.account.endpoint is None or identity.repeated is not None:
            # The token of a client has no account that an endpoint for users would know.
            return HealthState.NOT_CHECKABLE
        client = self.clients.get(service)
        if not is_bound_to(identity, service, client):
            raise bound_elsewhere(key, identity.repeated)
        service = with_callback(service, identity.params)
        token = self._token(key, SIGNING)
        account = self._account(key, service, client, token)
        if account is None and identity.refreshable:
            token = self._token(key, Requirement(rejected=token.value, signs=True))
            account = self._account(key, service, client, token)
        if account is None:
            return self._rejected(key, identity, token.value)
        known = identity.account
        same = known is None or known.subject == account.subject
        return HealthState.WORKS if same else HealthState.OTHER_ACCOUNT

    def _token(self, key: RecordKey, requirement: Requirement) -> AccessToken:
        credential = self.refresher.current(key, requirement)
        if credential is None:
            raise _Deleted
        return credential.presented

    def _account(self, key: RecordKey, service: Service, client: Client, token: AccessToken) -> Account | None:
        """Return the account of a token; None when the service rejects the token (RFC 6750 section 3.1)."""
        try:
            endpoint = AccountEndpoint(send=self.send, clock=self.clock, record=self.record)
            return endpoint.ask(service, client, token, key=key)
        except ServiceError as error:
            if error.status == UNAUTHORIZED:
                return None
            raise

    def _rejected(self, key: RecordKey, identity: Identity, token: Secret[str]) -> HealthState:
        """End a grant whose token is rejected, unless the token may never have been good for this request."""
        if identity.account is None:
            raise ServiceError(f"the account endpoint of {identity.service} answered HTTP {UNAUTHORIZED}")
        refreshed = ", a refreshed one too" if identity.refreshable else ""
        reason = f"{identity.service} rejected its access token{refreshed}"
        self._end(key, reason, still=lambda stored: stored.token.access_token == token)
        user = user_of_tenant(key.user, key.tenant)
        raise ServiceError(f"the token of user {user} changed during the check", hint="try again")

    def _end(self, key: RecordKey, reason: str, *, still: Callable[[StoredIdentity], bool]) -> None:
        """Mark a grant as ended and raise `LoginRequired`, if that still holds under the lock."""
        ended = EndedGrant(since=self.clock(), reason=reason)
        with self.store.lock(key):
            stored = self._stored(key)
            if not still(stored):
                return
            marked = replace(stored, identity=replace(stored.identity, login_required=ended))
            save_identity(self.store, key, marked)
        raise must_log_in(key, ended, stored.identity.repeated)

    def _stored(self, key: RecordKey) -> StoredIdentity:
        stored = read_identity(self.store, key)
        if stored is None:
            raise _Deleted
        return stored


def _other_account(key: RecordKey, identity: Identity) -> LoginRequired:
    label = identity.account.label if identity.account else ""
    return LoginRequired(
        f"{key.service} says that the token of user {user_of_tenant(key.user, key.tenant)} belongs to another account "
        f"than {label}",
        hint=login_again(key, identity.repeated),
    )
