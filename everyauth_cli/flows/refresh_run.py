"""One refresh of one identity, from the lock to the stored token; it runs in a thread of its own.

The order makes it safe for any number of processes. The lock comes before the read that decides; the record is saved
with `refreshing_since` before the refresh token is sent, which proves that the store can be written; and every save
names the version that was read, so that neither a newer login nor a deletion is undone. A response is stored
before any error about it is raised: the refresh token that it answers is spent.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

from everyauth_cli.errors import (
    ClientRejected,
    EveryAuthError,
    InvalidGrant,
    ServiceError,
    ServiceUnreachable,
    ServiceUnreadable,
    StoreError,
)
from everyauth_cli.event_log import Action, Record, ignore, recorded
from everyauth_cli.flows.clients import Clients
from everyauth_cli.flows.freshness import is_alive, is_fresh
from everyauth_cli.flows.hints import (
    bound_elsewhere,
    deleted_meanwhile,
    login_again,
    must_log_in,
    no_refresh_token,
    rejected_although_new,
)
from everyauth_cli.flows.host_pinning import is_bound_to
from everyauth_cli.flows.pause import is_remembered, pause_of, remembered_error
from everyauth_cli.flows.proofs import Sender
from everyauth_cli.flows.requirement import Requirement, check_lifetime
from everyauth_cli.flows.saving import STORE_SECONDS, Saver, spent_by, write_back
from everyauth_cli.flows.waits import LOCK_SECONDS
from everyauth_cli.model import Client, Identity, RecordKey, Request, Response, Secret, Service, Token
from everyauth_cli.oauth.authorization_code import OPENID
from everyauth_cli.oauth.error_response import Refusal, refusal_of
from everyauth_cli.oauth.grant import EndedGrant, LoginReason
from everyauth_cli.oauth.id_token import read_refreshed
from everyauth_cli.oauth.presented import Presented, nothing_presented
from everyauth_cli.oauth.repeated_request import repeated_request
from everyauth_cli.oauth.resource_indicator import for_resource
from everyauth_cli.oauth.successor import refresh_token_in
from everyauth_cli.oauth.token_endpoint import read_token, refresh_request
from everyauth_cli.services.callback import with_callback
from everyauth_cli.services.rules import IdTokenUse
from everyauth_cli.store.identities import StoredIdentity, UnreadResponse, read_identity, save_identity
from everyauth_cli.store.records import Store

RUN_SECONDS = 90.0
"""For the request; a store that cannot take the response has as long again."""
NEW_MS = 60_000
"""A refreshed token that is rejected so soon after it was issued is not cured by another one."""
LARGEST_UNREAD = 16 * 1024
"""Bytes of a response that is kept although nothing can be read from it; a token response is smaller by far."""


class Refreshed(NamedTuple):
    """An identity with a current token; `is_new` when this run brought the token."""

    stored: StoredIdentity
    is_new: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshRun:
    """Refreshes one identity (RFC 6749 section 6) unless another process has; `clock` gives milliseconds.

    The run of another process is waited for `lock_seconds`; a store that cannot take the response is tried for
    `store_seconds`.
    """

    store: Store
    clients: Clients
    send: Callable[[Request], Response]
    clock: Callable[[], int]
    warn: Callable[[str], None]
    record: Record = ignore
    presented: Presented = nothing_presented
    lock_seconds: float = LOCK_SECONDS
    store_seconds: float = STORE_SECONDS

    def __call__(self, key: RecordKey, requirement: Requirement) -> Refreshed | None:
        """Return the identity with a token that meets the requirement; None when it does not exist.

        Raises what `EveryAuth.get_identity` raises.
        """
        with self.store.lock(key, timeout=self.lock_seconds):
            stored = read_identity(self.store, key)
            if stored is None:
                return None
            stored = self._read_late(key, write_back(self.store, key, stored))
            if self._meets(stored, requirement):
                return Refreshed(stored, is_new=False)
            return Refreshed(self._refreshed(key, stored, requirement), is_new=True)

    def _meets(self, stored: StoredIdentity, requirement: Requirement) -> bool:
        token = stored.token
        if stored.identity.login_required or requirement.excludes(token.access_token.reveal()):
            return False
        now, min_ttl = self.clock(), requirement.min_ttl
        return is_fresh(token.issued_at, token.expires_at, token.refresh_at, now=now, min_ttl=min_ttl)

    def _refreshed(self, key: RecordKey, stored: StoredIdentity, requirement: Requirement) -> StoredIdentity:
        spent = self._spent(key, stored, requirement)
        service, client = self.clients.registered(key.service, client_id=stored.identity.client_id)
        if not is_bound_to(stored.identity, service, client):
            raise bound_elsewhere(key, stored.identity.repeated)
        service = for_resource(with_callback(service, stored.identity.params), stored.identity.resource)
        marked, now, token = stored, self.clock(), stored.token
        sender = Sender(self.send, self.clock, token.proof_key, token.nonces)
        make = partial(self._request, service, client, stored, now=now)
        try:
            # What cannot be requested is no refresh that was begun.
            request = make()
            marked, secrets = self._mark(key, stored), (spent, client.client_secret, *_secrets_in(request))
            with recorded(self.record, self.clock, Action.REFRESH, key, token.proof_key, *secrets):
                response = sender.send(request, again=make)
                return self._stored(key, _with_nonces(marked, sender), service, client, response, now=now)
        except InvalidGrant as refusal:
            return self._adopt_or_end(key, marked, stored, refusal)
        except (ServiceError, ClientRejected) as error:
            raise self._remembered(key, _with_nonces(marked, sender), stored, error) from None

    def _request(self, service: Service, client: Client, stored: StoredIdentity, *, now: int) -> Request:
        """Return the request for a new token: a refresh (RFC 6749 section 6), or the grant once more."""
        identity, refresh_token = stored.identity, stored.token.refresh_token
        if identity.repeated is not None:
            presented = self.presented(service, client, identity.repeated)
            request = repeated_request(service, client, identity.repeated, presented=presented, now=now)
        else:
            assert refresh_token is not None
            request = refresh_request(
                service, client, refresh_token, redirect_uri=identity.redirect_uri, scope=identity.scope, now=now
            )
        return replace(request, deadline=RUN_SECONDS)

    def _spent(self, key: RecordKey, stored: StoredIdentity, requirement: Requirement) -> Secret[str]:
        """Return the token that the refresh spends, or raise the error for an identity that none can help now."""
        token, ended, repeated = stored.token, stored.identity.login_required, stored.identity.repeated
        if ended is not None and ended.kind is not LoginReason.REFUSED:
            raise must_log_in(key, ended, repeated)
        if token.refresh_token is None and (repeated is None or not repeated.can_repeat):
            raise no_refresh_token(key, repeated, rejected=requirement.rejected is not None)
        is_rejected = requirement.rejected is not None and requirement.rejected == token.access_token
        # One that a login brought is refreshed once.
        is_refreshed = token.issued_at != stored.identity.granted_at
        if is_rejected and is_refreshed and self.clock() - token.issued_at < NEW_MS:
            raise rejected_although_new(key, repeated)
        check_lifetime(stored, requirement)
        failure = stored.last_failure
        if failure is not None and self.clock() < failure.until:
            raise remembered_error(failure, now=self.clock())
        return spent_by(stored)

    def _mark(self, key: RecordKey, stored: StoredIdentity) -> StoredIdentity:
        since = stored.refreshing_since or self.clock()
        return save_identity(self.store, key, replace(stored, refreshing_since=since))

    def _stored(
        self,
        key: RecordKey,
        marked: StoredIdentity,
        service: Service,
        client: Client,
        response: Response,
        *,
        now: int,
    ) -> StoredIdentity:
        """Store what the response holds, and return it or raise what is wrong with it."""
        try:
            token = read_token(
                service,
                response,
                requested_scope=None,
                now=now,
                previous=marked.token,
                repeated=marked.identity.repeated,
            )
        except (ServiceUnreadable, ServiceUnreachable) as error:
            if response.is_success and not _repeats(marked):
                self._keep_what_came(key, marked, response, error, now=now)
            raise
        fresh = _with_token(marked, self._judged(service, client, token))
        saved = self._save(key, fresh, spent=spent_by(marked))
        if saved.identity.login_required is not None:
            raise must_log_in(key, saved.identity.login_required, saved.identity.repeated)
        return saved

    def _judged(self, service: Service, client: Client, token: Token) -> tuple[Token, EndedGrant | None]:
        """Return the token with its id token's subject, and a mark where that is another account's."""
        if token.id_token is None or service.id_token.use is IdTokenUse.IGNORE:
            return token, None
        try:
            subject = read_refreshed(service, client, token.id_token)
        except ServiceUnreadable as error:
            # It is no reason to lose a grant (OpenID Connect Core section 12.2 allows to leave it out).
            # One that was not requested is a warning at the login, and not once an hour.
            if OPENID in service.split_scope(token.scope):
                self.warn(f"{error.message}; the id token was ignored")
            return token, None
        if token.subject is None or subject.sub == token.subject.sub:
            return replace(token, subject=subject), None
        reason = f"{service.name} refreshed it with a token of another account"
        return token, EndedGrant(since=self.clock(), reason=reason, kind=LoginReason.ACCOUNT_CHANGED)

    def _keep_what_came(
        self, key: RecordKey, marked: StoredIdentity, response: Response, error: EveryAuthError, *, now: int
    ) -> None:
        """Store the refresh token of a response without a usable access token, and the response if it has an end."""
        successor, body = _successor_in(response, marked), response.body.reveal()
        unread = None
        if isinstance(error, ServiceUnreadable) and body.strip() and len(body) <= LARGEST_UNREAD:
            text = Secret(body.decode("latin-1"))
            unread = UnreadResponse(
                status=response.status, content_type=response.content_type, body=text, received_at=now
            )
        if successor or unread:
            kept = replace(marked, unread=unread, token=_with_successor(marked.token, successor))
            self._save(key, kept, spent=spent_by(marked))

    def _read_late(self, key: RecordKey, stored: StoredIdentity) -> StoredIdentity:
        """Read a response that could not be read when it came: a newer version, or a mended entry, may be able to."""
        if stored.unread is None:
            return stored
        late = stored.unread
        response = Response(
            status=late.status, content_type=late.content_type, body=Secret(late.body.reveal().encode("latin-1"))
        )
        try:
            service, client = self.clients.registered(key.service, client_id=stored.identity.client_id)
            token = read_token(
                service,
                response,
                requested_scope=None,
                now=late.received_at,
                previous=stored.token,
                repeated=stored.identity.repeated,
            )
        except EveryAuthError:
            token = _with_successor(stored.token, _successor_in(response, stored))
            if token == stored.token:
                return stored
            return self._save(key, replace(stored, token=token), spent=spent_by(stored))
        judged = self._judged(service, client, token)
        return self._save(key, _with_token(stored, judged), spent=spent_by(stored))

    def _save(self, key: RecordKey, fresh: StoredIdentity, *, spent: Secret[str]) -> StoredIdentity:
        saver = Saver(store=self.store, key=key, spent=spent, warn=self.warn, seconds=self.store_seconds)
        return saver.save(fresh)

    def _adopt_or_end(
        self, key: RecordKey, marked: StoredIdentity, before: StoredIdentity, refusal: InvalidGrant
    ) -> StoredIdentity:
        """After `invalid_grant`, return a newer token that another process stored, or mark the grant as ended."""
        stored = read_identity(self.store, key)
        if stored is None:
            raise deleted_meanwhile(key, marked.identity.repeated)
        if stored.token.access_token != marked.token.access_token:
            return stored
        reason = refusal.message
        if before.refreshing_since is not None:
            reason += "; the response to an earlier refresh was lost"
        ended = EndedGrant(since=self.clock(), reason=reason)
        save_identity(self.store, key, _marked(stored, ended))
        raise must_log_in(key, ended, stored.identity.repeated)

    def _remembered(
        self, key: RecordKey, marked: StoredIdentity, before: StoredIdentity, error: ServiceError | ClientRejected
    ) -> EveryAuthError:
        """Save the failure with the record, and return the error to raise.

        A response that may have been lost leaves `refreshing_since` set.
        """
        lost = isinstance(error, ServiceUnreadable) or (isinstance(error, ServiceUnreachable) and error.lost)
        now = self.clock()
        # With what was kept of a response that could not be read.
        stored = read_identity(self.store, key) if lost else marked
        if stored is None:
            return deleted_meanwhile(key, marked.identity.repeated)
        failed = replace(stored, refreshing_since=stored.refreshing_since if lost else before.refreshing_since)
        is_refused = refusal_of(error) is Refusal.OTHER
        if is_refused:
            error = error.copy(hint=login_again(key, stored.identity.repeated))
        if is_refused and not is_alive(stored.token, now=now):
            refused = EndedGrant(since=now, reason=error.message, kind=LoginReason.REFUSED)
            # An earlier one was reported already, and is the same.
            mark = before.identity.login_required or refused
            failed = replace(failed, identity=replace(failed.identity, login_required=mark))
        if is_remembered(error):
            failed = replace(failed, last_failure=pause_of(error, before.last_failure, now=now))
        # The failure is what the caller has to know, also where it cannot be remembered.
        with suppress(StoreError):
            save_identity(self.store, key, failed)
        return error


def refreshed(identity: Identity, token: Token) -> Identity:
    """Return an identity's metadata after it was given a token."""
    return replace(
        identity,
        scope=token.scope,
        account=token.account or identity.account,
        updated_at=token.issued_at,
        expires_at=token.expires_at,
        refresh_at=token.refresh_at,
        refreshable=token.refresh_token is not None or (identity.repeated is not None and identity.repeated.can_repeat),
        login_required=None,
    )


def _secrets_in(request: Request) -> list[Secret[str]]:
    """Return the secrets that a service may echo, such as the token that a grant presents."""
    return [value for value in request.fields.values() if isinstance(value, Secret)]


def _successor_in(response: Response, stored: StoredIdentity) -> Secret[str] | None:
    return None if _repeats(stored) else refresh_token_in(response)


def _repeats(stored: StoredIdentity) -> bool:
    return stored.identity.repeated is not None


def _with_successor(token: Token, refresh_token: Secret[str] | None) -> Token:
    return replace(token, refresh_token=refresh_token or token.refresh_token)


def _with_nonces(stored: StoredIdentity, sender: Sender) -> StoredIdentity:
    return replace(stored, token=replace(stored.token, nonces=sender.nonces))


def _with_token(stored: StoredIdentity, judged: tuple[Token, EndedGrant | None]) -> StoredIdentity:
    token, ended = judged
    identity = replace(refreshed(stored.identity, token), login_required=ended)
    return StoredIdentity(identity=identity, token=token, version=stored.version)


def _marked(stored: StoredIdentity, ended: EndedGrant) -> StoredIdentity:
    identity = replace(stored.identity, login_required=ended)
    return replace(stored, identity=identity, refreshing_since=None, last_failure=None)
