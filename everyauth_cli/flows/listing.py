"""Finds stored identities by user, tenant, tags or id, for show: reads no secret."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from everyauth_cli.errors import Ambiguous, ServiceNotFound, UsageProblem
from everyauth_cli.flows.selector import Page, Selector, cursor_behind, read_cursor, read_tags
from everyauth_cli.model import Identity, RecordKey
from everyauth_cli.services.at_url import server_name
from everyauth_cli.services.catalogue import Catalogue
from everyauth_cli.store.identities import (
    IdentitySummary,
    find_due,
    find_identities,
    list_identities,
    services_with_identities,
)
from everyauth_cli.store.records import Store
from everyauth_cli.urls import is_url


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """The identities of one profile; `EveryAuth` documents what its methods of the same names do."""

    store: Store
    catalogue: Catalogue
    profile: str

    def find(self, service: str, selector: Selector, *, after: RecordKey | None = None) -> Iterator[Identity]:
        """Yield the identities that match, sorted by service, tenant and user; reads metadata only."""
        found = find_identities(self.store, selector.query(self.profile, service), after=after)
        return filter(selector.matches, found)

    def summaries(
        self, service: str, selector: Selector, *, after: RecordKey | None = None
    ) -> Iterator[IdentitySummary]:
        """Yield the same as summaries, one by one: memory stays flat however many there are."""
        found = list_identities(self.store, selector.query(self.profile, service), after=after)
        return filter(selector.matches, found) if selector.tags else found

    def cursor_place(self, service: str, selector: Selector, cursor: str) -> RecordKey:
        """Return the place of a cursor of this listing. Raises `UsageProblem` for another's."""
        return read_cursor(cursor, selector.query(self.profile, service).key)

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
        after = None if cursor is None else self.cursor_place(name, selector, cursor)
        items = list(islice(self.find(name, selector, after=after), count + 1))
        page = items[:count]
        return Page(items=page, next=cursor_behind(page[-1]) if len(items) > count else None)

    def service_name(self, service: str) -> str:
        if is_url(service):
            return server_name(service)
        try:
            return self.catalogue.get(service).name
        except ServiceNotFound:
            if next(self.find(service, Selector()), None) is None:
                raise
            return service


def grouped(identities: Iterable[Identity]) -> dict[str, list[Identity]]:
    """Group identities by their service."""
    lines: dict[str, list[Identity]] = {}
    for identity in identities:
        lines.setdefault(identity.service, []).append(identity)
    return lines


def _ambiguous(selector: Selector, found: Sequence[Identity]) -> Ambiguous:
    candidates = {
        i.id: f"{i.service}, user {i.user}, tenant {i.tenant}" + (f", {i.account.label}" if i.account else "")
        for i in found
    }
    return Ambiguous(str(selector), candidates)
