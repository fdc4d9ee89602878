"""Class `Identities`: what was granted is found, handed out with a current token, and ended."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING

from everyauth_cli.async_methods import async_method
from everyauth_cli.errors import (
    Ambiguous,
    ConfigurationProblem,
    LoginRequired,
    ServiceNotFound,
    StoreError,
    UsageProblem,
)
from everyauth_cli.flows.refresh import NOTHING_MORE, Demand, Refresher, login_command
from everyauth_cli.flows.revoke import Revocation, Revoker
from everyauth_cli.flows.selector import (
    Page,
    Selector,
    Who,
    check_named,
    check_texts,
    cursor_behind,
    is_plain_user,
    read_cursor,
    read_tags,
    read_who,
)
from everyauth_cli.model import DEFAULT_PROFILE, DEFAULT_USER, ID_PREFIX, Identity, RecordKey, Secret
from everyauth_cli.services.catalogue import Catalogue
from everyauth_cli.store.credential import Credential
from everyauth_cli.store.identities import IdentitySummary, find_identities, identity_key, key_of, list_identities
from everyauth_cli.store.records import Store

if TYPE_CHECKING:
    from everyauth_cli.httpx_auth import HttpxAuth
    from everyauth_cli.requests_auth import RequestsAuth


class Identities:
    """The half of `EveryAuth` that comes after a login. Each method that takes time has an async twin, `a...`."""

    def __init__(
        self, *, store: Store, catalogue: Catalogue, profile: str, refresher: Refresher, revoker: Revoker
    ) -> None:
        self.store = store
        self.catalogue = catalogue
        self.profile = profile
        self._refresher = refresher
        self._revoker = revoker

    def find(
        self,
        *,
        service: str = "",
        user: str = "",
        tenant: str = "",
        tags: Mapping[str, str] | None = None,
        identity_id: str = "",
    ) -> list[Identity]:
        """The identities that match all that is given, sorted by service, tenant and user; touches no secret."""
        return list(self._found(service, Selector(user=user, tenant=tenant, tags=tags or {}, identity_id=identity_id)))

    def listed(
        self, *, service: str = "", user: str = "", tenant: str = "", tags: Mapping[str, str] | None = None
    ) -> Iterator[IdentitySummary]:
        """The same one by one, each with what a list shows of it: memory stays flat however many there are."""
        wanted = Selector(user=user, tenant=tenant, tags=tags or {})
        found = list_identities(self.store, wanted.query(self.profile, service))
        return filter(wanted.matches, found) if tags else found

    def _found(self, service: str, wanted: Selector, *, after: RecordKey | None = None) -> Iterator[Identity]:
        return filter(wanted.matches, find_identities(self.store, wanted.query(self.profile, service), after=after))

    def find_one(self, who: Who, *, service: str = "", tenant: str = "") -> Identity | None:
        """The one identity of a user, with an `idn-` id, or with these tags.

        Of a user's several at one service it is the one whose tenant is the user, where no tenant is named.
        Raises `Ambiguous`, which lists them.
        """
        return self._one(service, read_who(who, tenant=tenant))

    def _one(self, service: str, wanted: Selector) -> Identity | None:
        found = list(self._found(service, wanted))
        if wanted.user and len({identity.service for identity in found}) == 1:
            found = [identity for identity in found if identity.tenant == identity.user] or found
        if len(found) > 1:
            raise _ambiguous(wanted, found)
        return found[0] if found else None

    def get_identity(
        self,
        service: str,
        who: Who = DEFAULT_USER,
        *,
        tenant: str = "",
        min_ttl: int = 0,
        rejected: str | Secret[str] | None = None,
    ) -> Credential | None:
        """A credential with a current token at a service; None when nobody matches.

        `who` is a user, an `idn-` id, or tags: `{"userId": "user-123", "plan": "gold"}`, all of which have to match.
        With a `tenant` (`tenantId` in the tags) it is the user's identity there and no other; without, the one whose
        tenant is the user, else the only one of that user. The token lives at least `min_ttl` milliseconds more, and
        is not the `rejected` one, which got a 401.
        Raises `ServiceNotFound`, `Ambiguous`, `LoginRequired`, `ServiceError`, `StoreError`, `UsageProblem`.
        """
        hidden = Secret(rejected) if isinstance(rejected, str) else rejected
        demand = Demand(min_ttl=min_ttl, rejected=hidden) if min_ttl or hidden else NOTHING_MORE
        if is_plain_user(who) and service and (not tenant or is_plain_user(tenant)):
            # The usual case needs nothing but the key, and to say whom else it could be takes as long as to read it.
            credential = self._at(service, who, tenant, demand)
            return self._looked_up(service, read_who(who, tenant=tenant), demand) if credential is None else credential
        wanted = read_who(who, tenant=tenant)
        _check_service(service)
        return self._current(service, wanted, demand)

    def _current(self, service: str, wanted: Selector, demand: Demand) -> Credential | None:
        if wanted.user and not wanted.tags:
            credential = self._at(service, wanted.user, wanted.tenant, demand)
            if credential is not None:
                return credential
        return self._looked_up(service, wanted, demand)

    def _at(self, service: str, user: str, tenant: str, demand: Demand) -> Credential | None:
        """By the key alone, which says where the secret is; no index is needed."""
        return self._refresher.current(identity_key(self.profile, service, user=user, tenant=tenant), demand)

    def _looked_up(self, service: str, wanted: Selector, demand: Demand) -> Credential | None:
        identity = self._one(service, wanted)
        if identity is not None:
            return self.credential(identity, demand=demand)
        name = self.catalogue.get(service).name
        return None if name == service else self._current(name, wanted, demand)

    def credential(self, identity: Identity, *, demand: Demand = NOTHING_MORE) -> Credential | None:
        """The credential of an identity that was found; None when it was deleted since.

        Raises `StoreError` where the record has another id or other tags than the list that it was found in.
        """
        credential = self._refresher.current(key_of(self.profile, identity), demand)
        if credential is not None and not _is_of(credential, identity):
            raise StoreError(
                f"the list of the store and its record of user {identity.user!r} at {identity.service} differ",
                hint="try again; if it stays so, the store was changed outside of everyauth: log in again",
            )
        return credential

    def get_identities(
        self,
        service: str = "",
        tags: Mapping[str, str] | None = None,
        *,
        count: int = 100,
        next: str | None = None,  # noqa: A002 - the word of the answer that it comes from
    ) -> Page:
        """Up to `count` identities that have all these tags, sorted by service, tenant and user; touches no secret.

        `next` of one page gets the one that follows: what is logged in or deleted between them makes none come twice
        or be left out. Without a service they are those of all.
        Raises `ServiceNotFound`, `StoreError`, and `UsageProblem` for a cursor that no page had.
        """
        if count < 1:
            raise UsageProblem(f"a page of {count} identities cannot be had; ask for one at least")
        wanted, name = read_tags(tags or {}), self.service_name(service) if service else ""
        after = None if next is None else read_cursor(next, wanted.query(self.profile, name).key)
        items = list(islice(self._found(name, wanted, after=after), count + 1))
        page = items[:count]
        return Page(items=page, next=cursor_behind(page[-1]) if len(items) > count else None)

    def service_name(self, service: str) -> str:
        """The name of a service, also of one that was removed while identities of it are still there.

        Raises `ServiceNotFound`.
        """
        try:
            return self.catalogue.get(service).name
        except ServiceNotFound:
            if next(self._found(service, Selector()), None) is None:
                raise
            return service

    def holds(self, service: str, *, user: str, tenant: str = "") -> bool:
        """Whether there is a secret for that user, in the index or not."""
        return self.store.get(identity_key(self.profile, service, user=user, tenant=tenant)) is not None

    def siblings(self, identity: Identity) -> list[tuple[str, Identity]]:
        """The identities, each with its profile, that `delete_identity` would end along with this one.

        There are some only where revoking a token ends the whole grant, which several identities may share.
        """
        return self._revoker.siblings(key_of(self.profile, identity), identity)

    def ends_grant(self, identity: Identity) -> bool:
        """Whether `delete_identity` would end all that the same account has granted; looks at no other identity."""
        return self._revoker.ends_grant(identity)

    def delete_identity(self, service: str, user: str, *, tenant: str = "", local: bool = False) -> Revocation:
        """Revoke an identity's tokens at the service (RFC 7009) and delete it here, if there is one.

        It is that of a user, whose tenant is the user where none is named, or that with an `idn-` id. It is deleted
        whatever the service answers; what is returned says what was revoked and what stands. With `local` it is only
        deleted. Raises `StoreError` when it cannot be, and `ClientNotSet`, `ConfigurationProblem`, `ServiceNotFound`
        or `LoginRequired` when nothing could be asked of the service.
        """
        check_named(user)
        _check_service(service)
        # Neither is in the way of who deletes it here alone; else the end of it raises them.
        with contextlib.suppress(ServiceNotFound, ConfigurationProblem):
            service = self.service_name(service)
        if not user.startswith(ID_PREFIX):
            return self._revoker.end(identity_key(self.profile, service, user=user, tenant=tenant), local=local)
        identity = self.find_one(user, service=service, tenant=tenant)
        return self._end(identity, local=local) if identity else Revocation()

    def delete_identities(self, service: str, tags: Mapping[str, str], *, local: bool = False) -> list[Revocation]:
        """End all identities at a service that have these tags, each as `delete_identity` does.

        The first that cannot be ended raises what `delete_identity` would; those before it are deleted, and the same
        call goes on with the others. Raises `UsageProblem` where no tag is named: all would match.
        """
        _check_service(service)
        if not tags:
            raise UsageProblem(
                f"no tag is named; all identities at {service} would be deleted",
                hint='name a tag, such as {"tenantId": TENANT}, or delete those of `get_identities` one by one',
            )
        found = self._found(self.service_name(service), read_tags(tags))
        return [self._end(identity, local=local) for identity in found]

    def _end(self, identity: Identity, *, local: bool) -> Revocation:
        return self._revoker.end(key_of(self.profile, identity), local=local, identity_id=identity.id)

    def httpx_auth(self, service: str, who: Who = DEFAULT_USER, *, tenant: str = "") -> HttpxAuth:
        """An `httpx.Auth`, sync and async: each request has a current token, and after a 401 a new one, once.

        It is for a client that talks to this service alone: the token goes wherever a request is sent. A request
        raises what `get_identity` does, and `LoginRequired` where that returns None.
        """
        from everyauth_cli.httpx_auth import HttpxAuth

        return HttpxAuth(self._tokens_of(service, who, tenant))

    def requests_auth(self, service: str, who: Who = DEFAULT_USER, *, tenant: str = "") -> RequestsAuth:
        """The same for `requests`. Raises `UsageProblem` where that is not installed."""
        try:
            from everyauth_cli.requests_auth import RequestsAuth
        except ModuleNotFoundError as error:
            raise UsageProblem(f"{error.name} is not installed", hint="pip install 'everyauth-cli[requests]'") from None

        return RequestsAuth(self._tokens_of(service, who, tenant))

    def _tokens_of(self, service: str, who: Who, tenant: str) -> functools.partial[Secret[str]]:
        _check_service(service)
        return functools.partial(self._access_token, service, read_who(who, tenant=tenant))

    def _access_token(self, service: str, wanted: Selector, rejected: Secret[str] | None = None) -> Secret[str]:
        credential = self._current(service, wanted, Demand(rejected=rejected))
        if credential is None:
            raise self._nobody(service, wanted)
        return Secret(credential.access_token)

    def _nobody(self, service: str, wanted: Selector) -> LoginRequired:
        profile = "" if self.profile == DEFAULT_PROFILE else self.profile
        login = login_command(service, user=wanted.user, tenant=wanted.tenant, profile=profile)
        hint = login if wanted.user else "everyauth identity ls"
        return LoginRequired(f"no identity at {service} matches {wanted}", hint=hint)

    afind, afind_one, aholds, asiblings = (
        async_method(find),
        async_method(find_one),
        async_method(holds),
        async_method(siblings),
    )
    aends_grant = async_method(ends_grant)
    aget_identity, aget_identities, acredential = (
        async_method(get_identity),
        async_method(get_identities),
        async_method(credential),
    )
    adelete_identity, adelete_identities = async_method(delete_identity), async_method(delete_identities)
    aservice_name = async_method(service_name)


def _is_of(credential: Credential, identity: Identity) -> bool:
    return credential.identity_id == identity.id and identity.tags.items() <= credential.tags.items()


def _check_service(service: str) -> None:
    check_texts(service)
    if not service:
        raise ServiceNotFound("the service is empty; it would match any", hint="everyauth service ls")


def _ambiguous(wanted: Selector, found: Sequence[Identity]) -> Ambiguous:
    candidates = {
        i.id: f"{i.service}, user {i.user}, tenant {i.tenant}" + (f", {i.account.label}" if i.account else "")
        for i in found
    }
    return Ambiguous(str(wanted), candidates)
