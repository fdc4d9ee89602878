"""Delete an identity: its tokens are revoked at the service where that is possible, then its record is deleted.

It is deleted whatever the service answers, because who logs out wants nothing left on this machine; and it is deleted
last, because a process that is killed in between must leave tokens that the next one can revoke. Where no revocation
can be requested, for want of a key or a client, nothing is deleted: that would destroy the only token that could still
be revoked.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import ParamSpec, TypeVar

from everyauth_cli.errors import (
    ClientNotSet,
    ConfigurationProblem,
    EveryAuthError,
    ServiceError,
    ServiceNotFound,
    ServiceUnreachable,
    ServiceUnreadable,
    StoreError,
)
from everyauth_cli.event_log import Action, Record, ignore, recorded
from everyauth_cli.flows.clients import Clients
from everyauth_cli.flows.freshness import is_alive
from everyauth_cli.flows.hints import bound_elsewhere, user_of_tenant
from everyauth_cli.flows.host_pinning import is_bound_to
from everyauth_cli.flows.proofs import Sender
from everyauth_cli.model import Account, Client, Identity, RecordKey, Request, Response, Secret, Service, Token
from everyauth_cli.oauth.grant import EndedGrant
from everyauth_cli.oauth.revocation import read_revocation, revocation_request
from everyauth_cli.services.callback import with_callback
from everyauth_cli.services.catalogue import Catalogue
from everyauth_cli.services.rules import ACCESS_TOKEN, REFRESH_TOKEN, RevocationEnds
from everyauth_cli.store.identities import find_readable, identity_query, peek_identity, read_identity, save_identity
from everyauth_cli.store.records import Store

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True, slots=True, kw_only=True)
class Revocation:
    """The result of a deletion: the types of the tokens that were `revoked` at the service, and `not_revoked`.

    The types are `refresh_token` and `access_token` (RFC 7009 section 2.1). `offered` is whether the service revokes
    tokens at all, `problem` why it did not although it could. `identity` is None when nothing is known of it.
    """

    identity: Identity | None = None
    offered: bool = False
    revoked: Sequence[str] = ()
    not_revoked: Sequence[str] = ()
    problem: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Revoker:
    """Revokes tokens (RFC 7009) and deletes identities; `shield` keeps interrupts out until both are done.

    `clock` gives milliseconds since the epoch.
    """

    store: Store
    catalogue: Catalogue
    clients: Clients
    send: Callable[[Request], Response]
    clock: Callable[[], int]
    record: Record = ignore
    shield: Callable[[], AbstractContextManager[None]] = nullcontext

    def delete(self, key: RecordKey | None, *, local: bool = False) -> Revocation:
        """Revoke an identity's tokens, unless the deletion is `local`, and delete it; see `EveryAuth.delete_identity`.

        When revocation ends the whole grant, the other identities of the grant are marked as ended. Without
        a key, for an identity that does not exist, nothing is done.
        """
        if key is None:
            return Revocation()
        with self.shield():
            with self.store.lock(key):
                revocation = self._revocation(key, local=local)
                self._delete(key, revocation)
            if revocation.revoked and revocation.identity is not None:
                self._end_siblings(key, revocation.identity)
        return revocation

    def _delete(self, key: RecordKey, revocation: Revocation) -> None:
        try:
            self.store.delete(key)
        except StoreError as error:
            if not revocation.revoked:
                raise
            raise error.copy(message=f"{error.message}; {key.service} has revoked the tokens all the same") from None

    def siblings(self, key: RecordKey, identity: Identity) -> list[tuple[str, Identity]]:
        """Return the identities that would end with this one, each with its profile, because they share its grant.

        An unknown account may be the same one.
        """
        return [(sibling.profile, other) for sibling, other in self._siblings(key, identity)]

    def _siblings(self, key: RecordKey, identity: Identity) -> list[tuple[RecordKey, Identity]]:
        if not self.ends_grant(identity):
            return []
        return [
            (sibling, other)
            for sibling, other in find_readable(self.store, identity_query(""))
            if sibling != key and other.login_required is None and self._may_share_grant(identity, other)
        ]

    def _end_siblings(self, key: RecordKey, identity: Identity) -> None:
        """Mark the identities whose grant has certainly ended, so that their tokens are handed out no more."""
        user = user_of_tenant(key.user, key.tenant)
        ended = EndedGrant(since=self.clock(), reason=f"the grant was revoked together with that of user {user}")
        for sibling, other in self._siblings(key, identity):
            if not self._is_same_account(identity, other):
                continue
            # One that cannot be marked is found out when its token is rejected.
            with contextlib.suppress(StoreError), self.store.lock(sibling):
                stored = read_identity(self.store, sibling)
                # A login meanwhile has a grant of its own.
                if stored is not None and stored.identity.granted_at == other.granted_at:
                    marked = replace(stored, identity=replace(stored.identity, login_required=ended))
                    save_identity(self.store, sibling, marked)

    def discard(self, key: RecordKey, identity: Identity, token: Token) -> None:
        """Revoke the tokens of a login that is not kept, where the service can; nothing is stored or deleted.

        They stay valid where revocation may end what is stored for the same account, and where it fails.
        """
        with self.shield(), contextlib.suppress(EveryAuthError):
            service, client = self._bound(key, identity)
            if service.revocation.endpoint is None or any(
                other.login_required is None and self._may_share_grant(identity, other)
                for _, other in find_readable(self.store, identity_query(""))
            ):
                return
            for _ in self._revoke(key, service, client, token):
                pass

    def ends_grant(self, identity: Identity) -> bool:
        """Return whether revoking its token ends all that its account has granted, other identities' part included."""
        try:
            service = self.clients.filled(identity.service)
        except (ServiceNotFound, ConfigurationProblem, ClientNotSet):
            return False
        ends = service.revocation.ends.of(refreshable=identity.has_refresh_token)
        if not service.revocation.endpoint or ends != RevocationEnds.GRANT:
            return False
        known = self.clients.peek(service)
        return known is not None and is_bound_to(identity, service, known[0])

    def _revocation(self, key: RecordKey, *, local: bool) -> Revocation:
        offered = not local and self._required(self.catalogue.get, key.service).revocation.endpoint is not None
        stored = self._required(read_identity, self.store, key) if offered else None
        identity = stored.identity if stored else self._metadata(key)
        if identity is None and (offered or not self._has_secret(key)):
            return Revocation()
        revoked, problem = list[str](), None
        if stored is not None:
            service, client = self._required(self._bound, key, stored.identity)
            try:
                for name in self._revoke(key, service, client, stored.token):
                    revoked.append(name)
            except EveryAuthError as error:
                problem = error.message
        elif offered:
            user = user_of_tenant(key.user, key.tenant)
            problem = f"the tokens of user {user} at {key.service} are missing from the store"
        not_revoked = [name for name in self._types(identity) if name not in revoked]
        return Revocation(
            identity=identity,
            offered=offered,
            revoked=revoked,
            not_revoked=not_revoked,
            problem=problem if not_revoked else None,
        )

    def _required(self, call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run a precondition of a revocation; on failure add the --local hint."""
        try:
            return call(*args, **kwargs)
        except EveryAuthError as error:
            local = "with --local it is only deleted here, and its tokens stay valid at the service"
            raise error.copy(hint="; or: ".join(filter(None, [local, error.hint]))) from None

    def _has_secret(self, key: RecordKey) -> bool:
        """Return whether a secret is stored, readable or not."""
        try:
            return read_identity(self.store, key) is not None
        except StoreError:
            return True

    def _metadata(self, key: RecordKey) -> Identity | None:
        """Return the metadata of an identity whose secret may be lost or unreadable."""
        try:
            return peek_identity(self.store, key)
        except StoreError:
            return None

    def _types(self, identity: Identity | None) -> list[str]:
        """Return the types of the valid tokens that an identity has, as far as is known."""
        if identity is None:
            return [REFRESH_TOKEN, ACCESS_TOKEN]
        alive = identity.expires_at is None or identity.expires_at > self.clock()
        return [REFRESH_TOKEN] * identity.has_refresh_token + [ACCESS_TOKEN] * alive

    def _revoke(self, key: RecordKey, service: Service, client: Client, token: Token) -> Iterator[str]:
        """Revoke one token after the other, and yield the type of each that is revoked.

        Raises `EveryAuthError`, after the other token was tried if that could help.
        """
        ends = service.revocation.ends.of(refreshable=token.refresh_token is not None)
        service = replace(service, revocation=replace(service.revocation, ends=ends))
        tokens, refusal = _revocable(service, token), None
        sender = Sender(self.send, self.clock, token.proof_key, token.nonces)
        for name, value in tokens.items():
            try:
                done = self._revoke_one(key, service, client, name, value, account=token.account, sender=sender)
            except (ServiceUnreachable, ServiceUnreadable):
                raise
            except ServiceError as error:
                refusal = error
                continue
            if done and ends == RevocationEnds.GRANT:
                # A service may take one that has expired for one that is revoked, and leave the grant.
                is_whole = name == REFRESH_TOKEN or is_alive(token, now=self.clock())
                yield from _present(token) if is_whole else [name]
                return
            if done:
                yield name
        if refusal is not None:
            raise refusal

    def _revoke_one(
        self,
        key: RecordKey,
        service: Service,
        client: Client,
        name: str,
        token: Secret[str],
        *,
        account: Account | None,
        sender: Sender,
    ) -> bool:
        with recorded(self.record, self.clock, Action.REVOCATION, key, token, client.client_secret) as remark:
            subject = account.subject if account else None
            make = functools.partial(
                revocation_request, service, client, token, hint=name, account=subject, now=self.clock()
            )
            done = read_revocation(service, sender.send(make(), again=make, access_token=token))
            remark(name if done else f"{service.name} does not revoke tokens of the type {name}")
            return done

    def _may_share_grant(self, one: Identity, other: Identity) -> bool:
        here, there = (identity.origins.get("token_endpoint") for identity in (one, other))
        # An origin may have many servers: the sandbox has one for each service.
        same_server = here == there and self._token_endpoint(one.service) == self._token_endpoint(other.service)
        same_server = same_server or one.service == other.service
        return same_server and one.client_id == other.client_id and self._is_same_account(one, other) is not False

    def _token_endpoint(self, name: str) -> str:
        """Return the token endpoint of the entry where a client is registered; the name if that is missing or wrong."""
        try:
            return self.catalogue.get(name).registered_at.token_endpoint
        except (ServiceNotFound, ConfigurationProblem):
            return name

    def _is_same_account(self, one: Identity, other: Identity) -> bool | None:
        """Return whether two identities are of one account; None where that is not known."""
        if one.account is None or other.account is None:
            return None
        if one.service != other.service and any(map(self._names_accounts_itself, (one.service, other.service))):
            return None
        return one.account.subject == other.account.subject

    def _names_accounts_itself(self, name: str) -> bool:
        """Return whether it is a preset that takes the account from another place than its service."""
        try:
            keys = self.catalogue.get(name).preset_keys
        except (ServiceNotFound, ConfigurationProblem):
            return False
        return not keys.isdisjoint(("account_endpoint", "account_query", "account_subject"))

    def _bound(self, key: RecordKey, identity: Identity) -> tuple[Service, Client]:
        """Return the service and client of a grant; raises `LoginRequired` when they are others now."""
        service, client = self.clients.registered(identity.service, client_id=identity.client_id)
        if not is_bound_to(identity, service, client):
            raise bound_elsewhere(key, identity.repeated)
        return with_callback(service, identity.params), client


def _revocable(service: Service, token: Token) -> dict[str, Secret[str]]:
    """Return the tokens that a service can revoke; the refresh token first, because new access tokens come from it."""
    return {name: value for name, value in _present(token).items() if name in service.revocation.tokens}


def _present(token: Token) -> dict[str, Secret[str]]:
    tokens = {REFRESH_TOKEN: token.refresh_token, ACCESS_TOKEN: token.access_token}
    return {name: value for name, value in tokens.items() if value}
