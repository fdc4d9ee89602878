"""Keeps tokens alive: refreshes those that expire soon, and asks each service whether it still takes them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from everyauth_cli.errors import (
    EveryAuthError,
    LoginRequired,
    ServiceError,
    ServiceUnreachable,
)
from everyauth_cli.event_log import ACCOUNT, Record, ignore, recorded
from everyauth_cli.everyauth import EveryAuth
from everyauth_cli.flows.batch import Outcome, State
from everyauth_cli.flows.clients import is_bound_to
from everyauth_cli.flows.freshness import is_alive
from everyauth_cli.flows.refresh import NOTHING_MORE, Demand, gone, granted_elsewhere, login_again, whose
from everyauth_cli.model import (
    Account,
    Client,
    EndedGrant,
    Identity,
    RecordKey,
    Request,
    Response,
    Secret,
    Service,
    Token,
)
from everyauth_cli.oauth.userinfo import account_request, read_account
from everyauth_cli.store.identity_record import StoredIdentity, key_of, read_identity, read_public, write_identity

UNAUTHORIZED = 401
SHORTEST_REST = 1.0
"""Seconds that a service is left alone at least when it asks for that."""


class _Deleted(Exception):
    """The identity was deleted since it was listed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthCheck:
    """Looks at one identity at a time; many threads may share it. `clock` gives milliseconds since the epoch."""

    auth: EveryAuth
    send: Callable[[Request], Response]
    clock: Callable[[], int]
    record: Record = ignore

    def refresh(self, identity: Identity, *, within: int | None) -> Outcome:
        """Refresh a token that expires within so many milliseconds; with None, whenever it expires."""
        return self._outcome(identity, lambda: self._refresh(identity, within))

    def check(self, identity: Identity) -> Outcome:
        """Ask the service whose token it is, refreshing one that is stale or refused."""
        return self._outcome(identity, lambda: self._check(identity))

    def _outcome(self, identity: Identity, look: Callable[[], State]) -> Outcome:
        """What looking at an identity that is not known to be gone came to."""
        key = key_of(self.auth.profile, identity)
        if identity.login_required is not None:
            return Outcome(identity=identity, state=State.LOGIN_REQUIRED, error=gone(identity, key))
        try:
            state = look()
        except _Deleted:
            return Outcome(identity=identity, state=State.DELETED)
        except EveryAuthError as error:
            return self._failed(key, identity, error)
        now = read_public(self.auth.store, key) or identity
        return Outcome(identity=now, state=state, error=self._other(now) if state is State.OTHER_ACCOUNT else None)

    def _failed(self, key: RecordKey, identity: Identity, error: EveryAuthError) -> Outcome:
        rest = None
        if isinstance(error, ServiceUnreachable) and error.retry_after is not None:
            rest = seconds_to_rest(error.retry_after, now=self.clock())
        if isinstance(error, LoginRequired) and (now := read_public(self.auth.store, key)) and now.login_required:
            return Outcome(identity=now, state=State.LOGIN_REQUIRED, error=error)
        return Outcome(identity=identity, state=State.FAILED, error=error, rest=rest)

    def _refresh(self, identity: Identity, within: int | None) -> State:
        if not identity.refreshable:
            return self._unrefreshable(identity)
        if not self._is_due(identity, within):
            return State.FRESH
        held = read_identity(self.auth.store, key_of(self.auth.profile, identity))
        if held is None:
            raise _Deleted
        if not self._is_due(held.identity, within):
            return State.FRESH
        # Who has this token rejected gets a newer one, or an error: the old one will not do, however long it lives.
        self._current(identity, Demand(rejected=held.token.access_token))
        return State.REFRESHED

    def _is_due(self, identity: Identity, within: int | None) -> bool:
        if within is None:
            return True
        return identity.expires_at is not None and identity.expires_at - self.clock() <= within

    def _unrefreshable(self, identity: Identity) -> State:
        if identity.expires_at is None or identity.expires_at > self.clock():
            return State.NO_REFRESH_TOKEN
        reason = "its access token has expired, and there is no refresh token"
        self._end(identity, reason, still=lambda held: not (held.token.refresh_token or self._lives(held.token)))
        return State.FRESH

    def _lives(self, token: Token) -> bool:
        return is_alive(token, now=self.clock())

    def _check(self, identity: Identity) -> State:
        if not identity.refreshable:
            self._unrefreshable(identity)
        service = self.auth.clients.filled(identity.service)
        if service.account.endpoint is None:
            return State.NOT_ASKED
        client = self.auth.clients.get(service)
        if not is_bound_to(identity, service, client):
            raise granted_elsewhere(identity, key_of(self.auth.profile, identity))
        token = self._current(identity, NOTHING_MORE)
        account = self._ask(identity, service, client, token)
        if account is None and identity.refreshable:
            token = self._current(identity, Demand(rejected=token))
            account = self._ask(identity, service, client, token)
        if account is None:
            return self._refused(identity, token)
        known = identity.account
        return State.WORKS if known is None or known.subject == account.subject else State.OTHER_ACCOUNT

    def _current(self, identity: Identity, demand: Demand) -> Secret[str]:
        credential = self.auth.credential(identity, demand=demand)
        if credential is None:
            raise _Deleted
        return Secret(credential.access_token)

    def _ask(self, identity: Identity, service: Service, client: Client, token: Secret[str]) -> Account | None:
        """Whose token the service says it is; None when it refuses the token (RFC 6750 section 3.1)."""
        key = key_of(self.auth.profile, identity)
        try:
            with recorded(self.record, self.clock, ACCOUNT, key, hide=(token, client.client_secret), done=False):
                return read_account(service, self.send(account_request(service, client, token)))
        except ServiceError as error:
            if error.status == UNAUTHORIZED:
                return None
            error.message = f"{service.name} does not say whose token it is: {error.message}"
            raise

    def _refused(self, identity: Identity, token: Secret[str]) -> State:
        """The end of a grant whose token is refused, unless it may never have been good for that question."""
        if identity.account is None:
            raise ServiceError(f"{identity.service} does not say whose token it is: it answers HTTP {UNAUTHORIZED}")
        again = ", a refreshed one too" if identity.refreshable else ""
        reason = f"{identity.service} refuses its access token{again}"
        self._end(identity, reason, still=lambda held: held.token.access_token == token)
        raise ServiceError(f"the token of {whose(identity)} changed while it was looked at", hint="try again")

    def _end(self, identity: Identity, reason: str, *, still: Callable[[StoredIdentity], bool]) -> None:
        """Mark a grant as gone and raise `LoginRequired`, if that is still so under the lock."""
        key = key_of(self.auth.profile, identity)
        with self.auth.store.lock(key):
            held = read_identity(self.auth.store, key)
            if held is None:
                raise _Deleted
            if not still(held):
                return
            over = replace(held.identity, login_required=EndedGrant(since=self.clock(), reason=reason))
            write_identity(self.auth.store, key, replace(held, identity=over), expect=held.version)
        raise gone(over, key)

    def _other(self, identity: Identity) -> LoginRequired:
        label = identity.account.label if identity.account else ""
        return LoginRequired(
            f"the token of {whose(identity)} at {identity.service} is not that of the account {label}",
            hint=login_again(identity, key_of(self.auth.profile, identity)),
        )


def seconds_to_rest(retry_after: str, *, now: int) -> float | None:
    """The seconds in a Retry-After, which is a number or a date (RFC 9110 section 10.2.3); None if it is neither."""
    from email.utils import parsedate_to_datetime

    text = retry_after.strip()
    if text.isascii() and text.isdecimal():
        return max(float(text), SHORTEST_REST)
    try:
        return max(parsedate_to_datetime(text).timestamp() - now / 1000, SHORTEST_REST)
    except (ValueError, OverflowError):
        return None
