"""The end of an identity: its tokens are revoked at the service where that can be done, then it is deleted here.

It is deleted whatever the service answers, because who logs out wants nothing left on this machine; and it is deleted
last, because a process that ends in between must leave tokens that the next one can revoke.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from everyauth_cli.clients import Clients, is_bound_to
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
from everyauth_cli.model import (
    ACCESS_TOKEN,
    REFRESH_TOKEN,
    Answer,
    Client,
    Exchange,
    Identity,
    Key,
    Secret,
    Service,
    Token,
)
from everyauth_cli.oauth.revocation import read_revocation, revocation_exchange
from everyauth_cli.refresh import granted_elsewhere
from everyauth_cli.services.catalogue import Catalogue
from everyauth_cli.store import Store
from everyauth_cli.store.identity_record import KIND, Held, find_keyed, read_identity, read_public


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
class Ender:
    """Everything that it takes to end an identity; `shield` keeps interrupts out from the first request to the end."""

    store: Store
    catalogue: Catalogue
    clients: Clients
    send: Callable[[Exchange], Answer]
    clock: Callable[[], int]
    shield: Callable[[], AbstractContextManager[None]] = nullcontext

    def end(self, key: Key, *, local: bool = False) -> Revocation:
        """Revoke an identity's tokens, unless it is to be `local`, and delete it.

        Raises `StoreError` when it cannot be deleted; all else that goes wrong is the revocation's `problem`.
        """
        with self.store.lock(key), self.shield():
            revocation = self._revocation(key, local=local)
            try:
                self.store.delete(key)
            except StoreError as error:
                if not revocation.revoked:
                    raise
                said = f"{error.message}; {key.service} has revoked what is still kept here"
                raise type(error)(said, hint=error.hint) from None
        return revocation

    def siblings(self, key: Key, identity: Identity) -> list[tuple[str, Identity]]:
        """The identities that would end with this one, each with its profile, because they share its grant.

        Where an account is not known, it may be the same.
        """
        if not self._would_end_grant(identity):
            return []
        return [
            (other_key.profile, other)
            for other_key, other in find_keyed(self.store, Key(profile="", kind=KIND, service=""))
            if other_key != key and other.gone is None and _may_share_grant(identity, other)
        ]

    def _would_end_grant(self, identity: Identity) -> bool:
        try:
            service = self.clients.filled(identity.service)
        except (ServiceNotFound, ConfigurationProblem, ClientNotSet):
            return False
        known = self.clients.peek(service) if service.revoke_url and service.revokes == "grant" else None
        return known is not None and is_bound_to(identity, service, known[0])

    def _revocation(self, key: Key, *, local: bool) -> Revocation:
        held, unreadable = self._read(key)
        identity = held.identity if held else self._listed(key)
        if identity is None and unreadable is None:
            return Revocation()
        offered, revoked, problem = False, list[str](), None
        try:
            offered = self.catalogue.get(key.service).revoke_url is not None
            if offered and not local:
                for name in self._revoke(key, held, unreadable):
                    revoked.append(name)
        except EveryAuthError as error:
            problem = error.message
        standing = [name for name in self._types(identity) if name not in revoked]
        return Revocation(
            identity=identity,
            offered=offered,
            revoked=revoked,
            standing=standing,
            problem=problem if standing and not local else None,
        )

    def _read(self, key: Key) -> tuple[Held | None, str | None]:
        """The identity with its tokens, or why they cannot be read."""
        try:
            return read_identity(self.store, key), None
        except StoreError as error:
            return None, error.message

    def _listed(self, key: Key) -> Identity | None:
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

    def _revoke(self, key: Key, held: Held | None, unreadable: str | None) -> Iterator[str]:
        """Revoke one token after the other, and yield the type of each that is.

        Raises `EveryAuthError`, after the other token was tried if that could help.
        """
        if held is None:
            raise StoreError(unreadable or f"the tokens of {key.user} at {key.service} are no longer in the store")
        service, client = self._bound(key, held.identity)
        tokens, refused = _tokens(service, held.token), None
        for name, token in tokens.items():
            try:
                done = read_revocation(service, self.send(revocation_exchange(service, client, token, hint=name)))
            except (ServiceUnreachable, ServiceUnreadable):
                raise
            except ServiceError as error:
                refused = error
                continue
            if done and service.revokes == "grant":
                yield from tokens
                return
            if done:
                yield name
        if refused is not None:
            raise refused

    def _bound(self, key: Key, identity: Identity) -> tuple[Service, Client]:
        """The service and the client that an identity was granted to."""
        service = self.clients.filled(identity.service)
        client = self.clients.get(service)
        if not is_bound_to(identity, service, client):
            raise granted_elsewhere(identity, key)
        return service, client


def _tokens(service: Service, token: Token) -> dict[str, Secret[str]]:
    """The tokens that a service can revoke; the refresh token first, because new access tokens come from it."""
    tokens = {REFRESH_TOKEN: token.refresh_token, ACCESS_TOKEN: token.access_token}
    return {name: value for name, value in tokens.items() if value and name in service.revoke_tokens}


def _may_share_grant(one: Identity, other: Identity) -> bool:
    same_account = one.account is None or other.account is None or one.account.subject == other.account.subject
    return same_account and (one.client_id, one.token_url) == (other.client_id, other.token_url)
