"""The end of an identity: its tokens are revoked at the service where that can be done, then it is deleted here.

It is deleted whatever the service answers, because who logs out wants nothing left on this machine; and it is deleted
last, because a process that ends in between must leave tokens that the next one can revoke. Where nothing could be
asked of the service, for want of a key or a client, nothing is deleted: that would be the end of the only token that
could still be revoked.
"""

from __future__ import annotations

import contextlib
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
from everyauth_cli.event_log import REVOCATION, Record, ignore, recorded
from everyauth_cli.flows.clients import Clients, is_bound_to
from everyauth_cli.flows.refresh import granted_elsewhere, whose
from everyauth_cli.model import (
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
from everyauth_cli.oauth.revocation import read_revocation, revocation_request
from everyauth_cli.services.catalogue import Catalogue
from everyauth_cli.services.rules import ACCESS_TOKEN, REFRESH_TOKEN, RevocationEnds
from everyauth_cli.store import Store
from everyauth_cli.store.identity_record import KIND, find_readable, read_identity, read_public, write_identity

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True, slots=True, kw_only=True)
class Revocation:
    """How an identity ended: which of its tokens were `revoked`, and which are `standing` at the service.

    Tokens are named by their type, `refresh_token` and `access_token`. `offered` says whether the service revokes at
    all, and `problem` why it has not done so although it might. `identity` is None when nothing is known of it.
    """

    identity: Identity | None = None
    offered: bool = False
    revoked: Sequence[str] = ()
    standing: Sequence[str] = ()
    problem: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Revoker:
    """Everything that it takes to end an identity; `shield` keeps interrupts out from the first request to the end."""

    store: Store
    catalogue: Catalogue
    clients: Clients
    send: Callable[[Request], Response]
    clock: Callable[[], int]
    record: Record = ignore
    shield: Callable[[], AbstractContextManager[None]] = nullcontext

    def end(self, key: RecordKey, *, local: bool = False) -> Revocation:
        """Revoke an identity's tokens, unless it is to be `local`, and delete it, whatever the service answers.

        Where nothing can be sent to the service for a reason that lies here and can be mended, nothing is done:
        raises `StoreError`, `ConfigurationProblem`, `ClientNotSet`, `ServiceNotFound` or `LoginRequired`.
        """
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
            said = f"{error.message}; {key.service} has revoked what is still kept here"
            raise type(error)(said, hint=error.hint) from None

    def siblings(self, key: RecordKey, identity: Identity) -> list[tuple[str, Identity]]:
        """The identities that would end with this one, each with its profile, because they share its grant.

        Where an account is not known, it may be the same.
        """
        return [(sibling.profile, other) for sibling, other in self._siblings(key, identity)]

    def _siblings(self, key: RecordKey, identity: Identity) -> list[tuple[RecordKey, Identity]]:
        if not self.ends_grant(identity):
            return []
        return [
            (sibling, other)
            for sibling, other in find_readable(self.store, RecordKey(profile="", kind=KIND, service=""))
            if sibling != key and other.login_required is None and _may_share_grant(identity, other)
        ]

    def _end_siblings(self, key: RecordKey, identity: Identity) -> None:
        """Mark those whose grant has certainly ended, so that their dead tokens are handed out no more."""
        gone = EndedGrant(since=self.clock(), reason=f"it ended with that of {whose(identity)}, which was revoked")
        for sibling, other in self._siblings(key, identity):
            if identity.account is None or other.account is None:
                continue
            # One that cannot be marked is found out when its token is refused.
            with contextlib.suppress(StoreError), self.store.lock(sibling):
                held = read_identity(self.store, sibling)
                if held is not None:
                    marked = replace(held, identity=replace(held.identity, login_required=gone))
                    write_identity(self.store, sibling, marked, expect=held.version)

    def ends_grant(self, identity: Identity) -> bool:
        """Whether revoking its token ends all that its account has granted, other identities' part included."""
        try:
            service = self.clients.filled(identity.service)
        except (ServiceNotFound, ConfigurationProblem, ClientNotSet):
            return False
        ends = service.revocation.endpoint and service.revocation.ends == RevocationEnds.GRANT
        known = self.clients.peek(service) if ends else None
        return known is not None and is_bound_to(identity, service, known[0])

    def _revocation(self, key: RecordKey, *, local: bool) -> Revocation:
        offered = not local and self._mendable(self.catalogue.get, key.service).revocation.endpoint is not None
        held = self._mendable(read_identity, self.store, key) if offered else None
        identity = held.identity if held else self._listed(key)
        if identity is None and (offered or not self._is_kept(key)):
            return Revocation()
        revoked, problem = list[str](), None
        if held is not None:
            service, client = self._mendable(self._bound, key, held.identity)
            try:
                for name in self._revoke(key, service, client, held.token):
                    revoked.append(name)
            except EveryAuthError as error:
                problem = error.message
        elif offered:
            problem = f"the tokens of {key.user} at {key.service} are no longer in the store"
        standing = [name for name in self._types(identity) if name not in revoked]
        return Revocation(
            identity=identity,
            offered=offered,
            revoked=revoked,
            standing=standing,
            problem=problem if standing else None,
        )

    def _mendable(self, call: Callable[P, R], *arguments: P.args, **named: P.kwargs) -> R:
        """Call what has to work before anything can be sent; its error names both ways on."""
        try:
            return call(*arguments, **named)
        except EveryAuthError as error:
            ways = [error.hint, "--local deletes it here, and what was granted stands"]
            error.hint = "; or ".join(filter(None, ways))
            raise

    def _is_kept(self, key: RecordKey) -> bool:
        """Whether there is a secret half, though it may be unreadable."""
        try:
            return read_identity(self.store, key) is not None
        except StoreError:
            return True

    def _listed(self, key: RecordKey) -> Identity | None:
        """What the index knows of an identity whose secret half is lost or cannot be read."""
        try:
            return read_public(self.store, key)
        except StoreError:
            return None

    def _types(self, identity: Identity | None) -> list[str]:
        """The types of the tokens that an identity has, as far as is known; what has expired is none."""
        if identity is None:
            return [REFRESH_TOKEN, ACCESS_TOKEN]
        alive = identity.expires_at is None or identity.expires_at > self.clock()
        return [REFRESH_TOKEN] * identity.refreshable + [ACCESS_TOKEN] * alive

    def _revoke(self, key: RecordKey, service: Service, client: Client, token: Token) -> Iterator[str]:
        """Revoke one token after the other, and yield the type of each that is.

        Raises `EveryAuthError`, after the other token was tried if that could help.
        """
        tokens, refused = _tokens(service, token), None
        for name, value in tokens.items():
            try:
                with recorded(self.record, self.clock, REVOCATION, key, hide=(value, client.client_secret)) as remarks:
                    done = read_revocation(service, self.send(revocation_request(service, client, value, hint=name)))
                    remarks.append(name if done else f"{name} is of a type that is not revoked there")
            except (ServiceUnreachable, ServiceUnreadable):
                raise
            except ServiceError as error:
                refused = error
                continue
            if done and service.revocation.ends == RevocationEnds.GRANT:
                yield from tokens
                return
            if done:
                yield name
        if refused is not None:
            raise refused

    def _bound(self, key: RecordKey, identity: Identity) -> tuple[Service, Client]:
        """The service and the client that an identity was granted to."""
        service = self.clients.filled(identity.service)
        client = self.clients.get(service)
        if not is_bound_to(identity, service, client):
            raise granted_elsewhere(identity, key)
        return service, client


def _tokens(service: Service, token: Token) -> dict[str, Secret[str]]:
    """The tokens that a service can revoke; the refresh token first, because new access tokens come from it."""
    tokens = {REFRESH_TOKEN: token.refresh_token, ACCESS_TOKEN: token.access_token}
    return {name: value for name, value in tokens.items() if value and name in service.revocation.tokens}


def _may_share_grant(one: Identity, other: Identity) -> bool:
    same_account = one.account is None or other.account is None or one.account.subject == other.account.subject
    return same_account and (one.client_id, one.token_endpoint) == (other.client_id, other.token_endpoint)
