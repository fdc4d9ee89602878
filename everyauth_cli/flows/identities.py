"""Hands out the credentials of the identities that are found by user, tenant, tags or id."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from everyauth_cli.errors import (
    ConfigurationProblem,
    LoginRequired,
    ServiceNotFound,
    StoreError,
    UsageProblem,
)
from everyauth_cli.flows.hints import login_again, not_logged_in
from everyauth_cli.flows.listing import Listing
from everyauth_cli.flows.refresh import Refresher
from everyauth_cli.flows.requirement import CURRENT, Requirement, requirement
from everyauth_cli.flows.selector import (
    Selector,
    Who,
    check_texts,
    is_plain_user,
    read_tags,
    read_who,
)
from everyauth_cli.model import DEFAULT_USER, Identity, RecordKey, Secret
from everyauth_cli.services.at_url import server_name
from everyauth_cli.store.at_once import check_may_wait
from everyauth_cli.store.credential import AccessToken, Credential
from everyauth_cli.store.identities import (
    identity_key,
    key_of,
)
from everyauth_cli.urls import is_url


@dataclass(frozen=True, slots=True, kw_only=True)
class Identities(Listing):
    """The identities of one profile and their credentials."""

    refresher: Refresher

    def credential_of(
        self, service: str, who: Who, tenant: str, requirement: Requirement, *, identity_id: str | None = None
    ) -> Credential | None:
        """Return the current credential of a user, tags or id at a service; None when no identity matches."""
        if identity_id is None and is_plain_user(who) and service and (not tenant or is_plain_user(tenant)):
            # Nearly every call: the key is known, and finding out who else could be meant takes as long as reading it.
            credential = self._by_key(service, who, tenant, requirement)
            return credential or self._by_selector(service, read_who(who, tenant=tenant), requirement)
        selector = read_who(who, tenant=tenant, identity_id=identity_id)
        _check_service(service)
        return self._selected(service, selector, requirement)

    def _selected(self, service: str, selector: Selector, requirement: Requirement) -> Credential | None:
        if selector.user and not selector.tags:
            credential = self._by_key(service, selector.user, selector.tenant, requirement)
            if credential is not None:
                return credential
        return self._by_selector(service, selector, requirement)

    def _by_key(self, service: str, user: str, tenant: str, requirement: Requirement) -> Credential | None:
        """Read the record whose key these make; the index is not needed."""
        return self.refresher.current(identity_key(self.profile, service, user=user, tenant=tenant), requirement)

    def _by_selector(self, service: str, selector: Selector, requirement: Requirement) -> Credential | None:
        check_may_wait()  # many may match
        identity = self.one(service, selector)
        if identity is not None:
            return self.credential(identity, requirement)
        name = server_name(service) if is_url(service) else self.catalogue.get(service).name
        return None if name == service else self._selected(name, selector, requirement)

    def credential(self, identity: Identity, requirement: Requirement = CURRENT) -> Credential | None:
        credential = self.refresher.current(key_of(self.profile, identity), requirement)
        if credential is not None and not _is_of(credential, identity):
            raise _differs(identity)
        return credential

    def current(self, service: str, who: Who, *, tenant: str, identity_id: str | None) -> Callable[..., Credential]:
        """Return a function that returns the current credential that meets a `requirement`, which it is given.

        The function raises `LoginRequired` when no identity matches.
        """
        _check_service(service)
        return functools.partial(self._current, service, read_who(who, tenant=tenant, identity_id=identity_id))

    def _current(
        self,
        service: str,
        selector: Selector,
        *,
        min_ttl: int = 0,
        rejected: Secret[str] | None = None,
        signs: bool = False,
    ) -> Credential:
        credential = self._selected(service, selector, requirement(min_ttl, rejected, signs=signs))
        if credential is None:
            raise self._not_found(service, selector)
        return credential

    def access_tokens(
        self, service: str, who: Who, *, tenant: str, identity_id: str | None, signs: bool = False
    ) -> Callable[..., AccessToken]:
        """Return a function that returns the access token of `current`, with the same arguments.

        Who `signs` requests gets one that is bound to a key too; for others it raises `BoundToken`.
        """
        current = self.current(service, who, tenant=tenant, identity_id=identity_id)
        return lambda **required: current(**required, signs=signs).presented

    def _not_found(self, service: str, selector: Selector) -> LoginRequired:
        if not selector.user:
            return LoginRequired(f"no identity at {service} matches {selector}", hint="everyauth identity ls")
        key = identity_key(self.profile, service, user=selector.user, tenant=selector.tenant)
        if selector.tags:
            return LoginRequired(f"no identity at {service} matches {selector}", hint=login_again(key))
        return not_logged_in(key)

    def has_secret(self, service: str, *, user: str, tenant: str) -> bool:
        return self.store.get(identity_key(self.profile, service, user=user, tenant=tenant)) is not None

    def key_to_delete(
        self, service: str, user: str | None, *, tenant: str, identity_id: str | None
    ) -> RecordKey | None:
        """Return the key of a user's identity, whether it exists or not, or that of an existing id."""
        if (user is None) == (identity_id is None):
            raise UsageProblem("give a user or an identity_id, and one of them only")
        selector = read_who(DEFAULT_USER if user is None else user, tenant=tenant, identity_id=identity_id)
        _check_service(service)
        # A local deletion needs neither the catalogue nor a valid entry; the revocation raises what it needs.
        with contextlib.suppress(ServiceNotFound, ConfigurationProblem):
            service = self.service_name(service)
        if selector.user:
            return identity_key(self.profile, service, user=selector.user, tenant=tenant)
        identity = self.one(service, selector)
        return self._verified_key(identity) if identity else None

    def keys_to_delete(self, service: str, tags: Mapping[str, str]) -> Iterator[RecordKey]:
        """Yield the keys of the identities at a service that have all these tags."""
        _check_service(service)
        if not tags:
            raise UsageProblem(
                f"no tag is given; all identities at {service} would be deleted",
                hint='give a tag, such as {"tenantId": TENANT}, or delete those of `get_identities` one by one',
            )
        found = self.find(self.service_name(service), read_tags(tags))
        return map(self._verified_key, found)

    def _verified_key(self, identity: Identity) -> RecordKey:
        """Return the key of a listed identity; raise `StoreError` where its record is another identity's."""
        key, record = key_of(self.profile, identity), None
        # One that cannot be read can still be deleted.
        with contextlib.suppress(StoreError):
            record = self.store.get(key)
        if record is not None and record.metadata.get("id") != identity.id:
            raise _differs(identity)
        return key


def _is_of(credential: Credential, identity: Identity) -> bool:
    return credential.identity_id == identity.id and identity.tags.items() <= credential.tags.items()


def _differs(identity: Identity) -> StoreError:
    return StoreError(
        f"the store lists another id or other tags for user {identity.user!r} at {identity.service} than it holds",
        hint="try again; if it stays so, the store was changed outside of everyauth: log in again",
    )


def _check_service(service: str) -> None:
    """Refuse an empty service name, which would match any."""
    check_texts(service)
    if not service:
        raise ServiceNotFound("the service is empty; it would match any", hint="everyauth service ls")
