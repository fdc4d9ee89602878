"""Checks entries of the catalogue against the metadata that their servers publish; writes nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from queue import SimpleQueue
from typing import Any
from urllib.parse import urlsplit

from everyauth_cli.errors import (
    ConfigurationProblem,
    EveryAuthError,
    ServiceError,
    ServiceUnreachable,
    ServiceUnreadable,
)
from everyauth_cli.flows.metadata_comparison import Difference, compare
from everyauth_cli.model import Request, Response, Service
from everyauth_cli.oauth.metadata import metadata_requests, read_metadata
from everyauth_cli.services.callback import with_callback
from everyauth_cli.services.endpoints import domains_of
from everyauth_cli.services.placeholders import fill
from everyauth_cli.urls import has_placeholder, origin


class CheckState(StrEnum):
    """The result of the check of an entry."""

    DIFFERS = "differs"
    UNREACHABLE = "unreachable"
    UNREADABLE = "unreadable"
    UNRELATED = "other endpoints"
    AGREES = "agrees"
    NO_METADATA = "no metadata"
    NOT_SET = "needs a setting"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A service with the keys of its entry, and the values of its settings (`params`) that are stored."""

    service: Service
    keys: Collection[str]
    params: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedEntry:
    """The outcome for one entry: `url` is where the metadata was found.

    An `error` says why no metadata could be compared.
    """

    service: str
    state: CheckState
    url: str = ""
    differences: Sequence[Difference] = ()
    error: EveryAuthError | None = None

    @property
    def wrong(self) -> list[Difference]:
        """The keys whose value in the entry is not the server's; none where the metadata is of another server."""
        return [one for one in self.differences if one.stated is not None and self.state is CheckState.DIFFERS]

    @property
    def lacking(self) -> list[Difference]:
        """The keys that the entry lacks and the server's metadata has."""
        return [one for one in self.differences if one.stated is None and self.state is not CheckState.UNRELATED]


def check_entry(entry: Entry, send: Callable[[Request], Response]) -> CheckedEntry:
    """Compare an entry with the metadata of its issuer, else with what the origins of its endpoints publish.

    Requests go to hosts of the entry alone: what a document says is compared, and never followed.
    """
    name = entry.service.name
    try:
        service = with_callback(fill(entry.service, entry.params), {})
        url, metadata = _published(service, send)
    except ServiceUnreachable as error:
        return CheckedEntry(service=name, state=CheckState.UNREACHABLE, error=error)
    except ServiceError as error:
        return CheckedEntry(service=name, state=CheckState.UNREADABLE, error=error)
    except ConfigurationProblem as error:
        return CheckedEntry(service=name, state=CheckState.NOT_SET, error=error)
    if metadata is None:
        return CheckedEntry(service=name, state=CheckState.NO_METADATA)
    found = compare(service, entry.keys, metadata, domains=domains_of(entry.service, service))
    return CheckedEntry(service=name, state=_state(service, found), url=url, differences=found)


def _state(service: Service, found: Sequence[Difference]) -> CheckState:
    wrong = {one.key for one in found if one.stated is not None}
    # A host may have other authorization servers too, such as one for OpenID Connect alone.
    if service.issuer is None and wrong >= {"authorization_endpoint", "token_endpoint"}:
        return CheckState.UNRELATED
    return CheckState.DIFFERS if wrong else CheckState.AGREES


def check_entries(
    entries: Sequence[Entry], send: Callable[[Request], Response], *, jobs: int
) -> Iterator[CheckedEntry]:
    """Check entries, so many at once, and yield the outcomes as they come."""
    waiting: SimpleQueue[Entry | None] = SimpleQueue()
    done: SimpleQueue[CheckedEntry] = SimpleQueue()
    for entry in (*entries, *[None] * jobs):
        waiting.put(entry)

    def work() -> None:
        while entry := waiting.get():
            done.put(_outcome(entry, send))

    for _ in range(min(jobs, len(entries))):
        # A daemon, so that an interrupt is obeyed at once.
        threading.Thread(target=work, daemon=True).start()
    for _ in entries:
        yield done.get()


def _outcome(entry: Entry, send: Callable[[Request], Response]) -> CheckedEntry:
    try:
        return check_entry(entry, send)
    except Exception as error:  # noqa: BLE001 - one entry must not stop the others
        internal = EveryAuthError(f"internal error: {type(error).__name__}")
        return CheckedEntry(service=entry.service.name, state=CheckState.UNREADABLE, error=internal)


def _published(service: Service, send: Callable[[Request], Response]) -> tuple[str, dict[str, Any] | None]:
    """Return the metadata of a service and where it was; None where its server publishes none.

    Raises the `ServiceError` of the first place that failed, if no other had metadata.
    """
    failures: list[ServiceError] = []
    for issuer in _issuers(service):
        try:
            for request in metadata_requests(issuer):
                metadata = read_metadata(issuer, send(request))
                if metadata is not None:
                    return request.url, metadata
        except ServiceUnreadable as error:
            # At an origin that is no known issuer a page or another's metadata is no metadata of this service.
            failures += [error] if issuer == service.issuer else []
        except ServiceError as error:
            failures.append(error)
    if failures:
        raise failures[0]
    return "", None


def _issuers(service: Service) -> list[str]:
    """Return the issuers to try: the known one, then those that the origins of the endpoints may be.

    The known one may be wrong itself, in its host alone too.
    """
    endpoints = filter(None, (service.authorization_endpoint, service.token_endpoint))
    known = (url for url in endpoints if not has_placeholder(url))
    origins = dict.fromkeys(map(origin, known))
    if service.issuer is None or has_placeholder(service.issuer):
        return [*origins]
    path = urlsplit(service.issuer).path
    elsewhere = [f"{server}{path}" for server in origins if path not in ("", "/")]
    return [*dict.fromkeys([service.issuer, *elsewhere, *origins])]
