"""Find stored identities by user, tenant, tags or id, and hand out their credentials."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from everyauth_cli.errors import (
    Ambiguous,
    ConfigurationProblem,
    LoginRequired,
    ServiceNotFound,
    StoreError,
    UsageProblem,
)
from everyauth_cli.flows.hints import login_again, not_logged_in
from everyauth_cli.flows.refresh import Refresher
from everyauth_cli.flows.requirement import CURRENT, Requirement
from everyauth_cli.flows.selector import (
    Page,
    Selector,
    Who,
    check_texts,
    cursor_behind,
    is_plain_user,
    read_cursor,
    read_tags,
    read_who,
)
from everyauth_cli.model import DEFAULT_USER, Identity, RecordKey, Secret
from everyauth_cli.services.catalogue import Catalogue
from everyauth_cli.store.at_once import check_may_wait
from everyauth_cli.store.credential import Credential
from everyauth_cli.store.identities import (
    IdentitySummary,
    find_due,
    find_identities,
    identity_key,
    key_of,
    list_identities,
    services_with_identities,
)
from everyauth_cli.store.records import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Identities:
    """The identities of one profile; `EveryAuth` documents what its methods of the same names do."""

    store: Store
    catalogue: Catalogue
    profile: str
    refresher: Refresher

    def find(self, service: str, selector: Selector, *, after: RecordKey | None = None) -> Iterator[Identity]:
        """Yield the identities that match, sorted by service, tenant and user; reads metadata only."""
        found = find_identities(self.store, selector.query(self.profile, service), after=after)
        return filter(selector.matches, found)

    def summaries(self, service: str, selector: Selector) -> Iterator[IdentitySummary]:
        """Yield the same as summaries, one by one: memory stays flat however many there are."""
        found = list_identities(self.store, selector.query(self.profile, service))
        return filter(selector.matches, found) if selector.tags else found

    def by_service(self, service: str, *, due_before: int | None = None) -> dict[str, Iterator[Identity]]:
        """Return the identities of a service, or of each: all, or those that need a refresh or login before a moment.

        They are read as they are consumed, in batches: memory stays flat.
        """
        services = [service] if service else services_with_identities(self.store, self.profile)
        if due_before is None:
            return {name: self.find(name, Selector()) for name in services}
        return {name: find_due(self.store, self.profile, name, before=due_before) for name in services}

    def one(self, service: str, selector: Selector) -> Identity | None:
        """Return the one identity that matches; of a user's several at one service that whose tenant is the user."""
        found = list(self.find(service, selector))
        if selector.user and len({identity.service for identity in found}) == 1:
            found = [identity for identity in found if identity.tenant == identity.user] or found
        if len(found) > 1:
            raise _ambiguous(selector, found)
        return found[0] if found else None

    def page(self, service: str, tags: Mapping[str, str], *, count: int, cursor: str | None) -> Page:
        if count < 1:
            raise UsageProblem(f"count is {count}; a page has one identity at least")
        selector, name = read_tags(tags), self.service_name(service) if service else ""
        after = None if cursor is None else read_cursor(cursor, selector.query(self.profile, name).key)
        items = list(islice(self.find(name, selector, after=after), count + 1))
        page = items[:count]
        return Page(items=page, next=cursor_behind(page[-1]) if len(items) > count else None)

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
        name = self.catalogue.get(service).name
        return None if name == service else self._selected(name, selector, requirement)

    def credential(self, identity: Identity, requirement: Requirement = CURRENT) -> Credential | None:
        credential = self.refresher.current(key_of(self.profile, identity), requirement)
        if credential is not None and not _is_of(credential, identity):
            raise _differs(identity)
        return credential

    def access_tokens(
        self, service: str, who: Who, *, tenant: str, identity_id: str | None
    ) -> Callable[..., Secret[str]]:
        """Return a function that returns the current access token, or another than the `rejected` one it is given.

        The function raises `LoginRequired` when no identity matches.
        """
        _check_service(service)
        return functools.partial(self._access_token, service, read_who(who, tenant=tenant, identity_id=identity_id))

    def _access_token(self, service: str, selector: Selector, rejected: Secret[str] | None = None) -> Secret[str]:
        credential = self._selected(service, selector, Requirement(rejected=rejected))
        if credential is None:
            raise self._not_found(service, selector)
        return Secret(credential.access_token)

    def _not_found(self, service: str, selector: Selector) -> LoginRequired:
        if not selector.user:
            return LoginRequired(f"no identity at {service} matches {selector}", hint="everyauth identity ls")
        key = identity_key(self.profile, service, user=selector.user, tenant=selector.tenant)
        if selector.tags:
            return LoginRequired(f"no identity at {service} matches {selector}", hint=login_again(key))
        return not_logged_in(key)

    def service_name(self, service: str) -> str:
        try:
            return self.catalogue.get(service).name
        except ServiceNotFound:
            if next(self.find(service, Selector()), None) is None:
                raise
            return service

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


def grouped(identities: Iterable[Identity]) -> dict[str, list[Identity]]:
    """Group identities by their service."""
    lines: dict[str, list[Identity]] = {}
    for identity in identities:
        lines.setdefault(identity.service, []).append(identity)
    return lines


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


def _ambiguous(selector: Selector, found: Sequence[Identity]) -> Ambiguous:
    candidates = {
        i.id: f"{i.service}, user {i.user}, tenant {i.tenant}" + (f", {i.account.label}" if i.account else "")
        for i in found
    }
    return Ambiguous(str(selector), candidates)
