"""Discovery of a server by its URL, without input or output: takes responses and yields requests.

First the metadata of the protected resource (RFC 9728), then that of its authorization server (RFC 8414, OpenID Connect
Discovery). A server without the former is asked as the older MCP specification of 2025-03-26 says.
"""

from __future__ import annotations

import re
from collections.abc import Container, Generator, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from everyauth_cli.errors import ServiceUnreachable, ServiceUnreadable
from everyauth_cli.model import ACCEPT_JSON, Request, Response
from everyauth_cli.oauth.challenge import TOKEN_SCHEMES, read_challenges, token_challenge
from everyauth_cli.oauth.metadata import check_endpoints, metadata_requests, read_metadata
from everyauth_cli.oauth.protected_resource import ProtectedResource, metadata_places, read_protected_resource
from everyauth_cli.sanitize import printable
from everyauth_cli.urls import fault_of, origin

SECONDS = 10.0
UNAUTHORIZED, NOT_HERE, SERVER_ERROR, NOT_IMPLEMENTED = 401, 400, 500, 501
CLIENT: Mapping[str, str] = {"name": "everyauth", "version": "1"}
LIST: Mapping[str, Any] = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "tools/list",
    "params": {
        "_meta": {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientInfo": CLIENT,
            "io.modelcontextprotocol/clientCapabilities": {},
        }
    },
}
"""Asks for something, which a server that needs a login answers with 401; some let every client connect."""
CONNECT: Mapping[str, Any] = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": CLIENT},
}
"""The first message of an older client; a server of that time that needs no login answers it."""
ACCEPT_MCP: Mapping[str, str] = {"Accept": "application/json, text/event-stream"}
LIST_HEADERS: Mapping[str, str] = {**ACCEPT_MCP, "MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/list"}

SCOPE = re.compile(r"[!#-\[\]-~]{1,200}")
"""One scope (RFC 6749 section 3.3)."""
MOST_SCOPES = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Discovered:
    """A server, with all that a login there needs.

    `resource` is the string of its metadata, None where it has none; `scopes` are those that a login requests, and
    `all_scopes` those that the resource knows; `metadata` is that of the authorization server, whose `issuer` it is.
    `named_issuer` is the issuer as the resource spells it. With `needs_proof` the server takes bound tokens only (RFC
    9449).
    """

    url: str
    resource: str | None
    metadata: Mapping[str, Any]
    named_issuer: str
    scopes: tuple[str, ...] = ()
    all_scopes: tuple[str, ...] = ()
    is_assumed: bool = False
    is_issuer: bool = False
    other_servers: tuple[str, ...] = ()
    needs_proof: bool = False

    @property
    def issuer(self) -> str:
        """The issuer as its metadata spells it."""
        return str(self.metadata["issuer"])


def discovery(url: str, *, preferred: Container[str] = ()) -> Generator[Request, Response, Discovered | None]:
    """Find out how a server is logged in at; return None for one that needs no login.

    The URL is one that `check_url` accepts; `preferred` are the issuers that we have a client for. Raises
    `ServiceUnreachable`, and `ServiceUnreadable` for metadata that is malformed, contradicts the URL, or names a URL
    that nothing may be sent to.
    """
    first = yield from _sent(Request(url=url, document=LIST, headers=LIST_HEADERS, deadline=SECONDS))
    found = yield from _resource(url, first)
    if found is None and first.status != UNAUTHORIZED:
        metadata = yield from _published(url, found_from=url)
        if metadata is not None:
            return Discovered(url=url, resource=None, metadata=metadata, named_issuer=url, is_issuer=True)
        looked = yield from _sent(Request(url=url, method="GET", headers=ACCEPT_JSON, deadline=SECONDS))
        if looked.status != UNAUTHORIZED:
            if not first.is_success:
                request = Request(url=url, document=CONNECT, headers=ACCEPT_MCP, deadline=SECONDS)
                _check_success(url, (yield from _sent(request)))
            return None
        first, found = looked, (yield from _resource(url, looked, named_only=True))
    if found is None:
        return (yield from _older(url, first))
    issuer = _chosen(found, preferred)
    metadata = yield from _published(issuer, found_from=url)
    if metadata is None:
        raise ServiceUnreadable(f"{printable(issuer)}, the authorization server of {url}, publishes no metadata")
    others = tuple(server for server in found.authorization_servers if server != issuer)
    return Discovered(
        url=url,
        resource=found.resource,
        metadata=metadata,
        named_issuer=issuer,
        scopes=_challenged(first) or _scopes(found.scopes),
        all_scopes=_scopes(found.scopes),
        other_servers=others,
        needs_proof=found.needs_proof or _asks_for_proof(first),
    )


def _sent(request: Request) -> Generator[Request, Response, Response]:
    """Send a request; a server that fails ends the discovery, because an older way to log in could be worse."""
    response = yield request
    # A file server knows no POST (RFC 9110 section 15.6.2): it is the URL that is wrong.
    fails = response.is_temporary or response.status >= SERVER_ERROR
    if fails and response.status != NOT_IMPLEMENTED:
        raise ServiceUnreachable(f"{request.url} answered HTTP {response.status}", retry_after=response.retry_after)
    return response


def _resource(
    url: str, first: Response, *, named_only: bool = False
) -> Generator[Request, Response, ProtectedResource | None]:
    """Return the metadata of the protected resource, from the place that the challenge names or the well-known ones."""
    named = token_challenge(first.challenges).get("resource_metadata") if first.status == UNAUTHORIZED else None
    places = [_named_place(url, named)] if named else [] if named_only else metadata_places(url)
    for place in places:
        response = yield from _sent(Request(url=place, method="GET", headers=ACCEPT_JSON, deadline=SECONDS))
        if response.is_success and not response.is_page:
            return read_protected_resource(url, place, response)
        if not response.is_success and response.status < NOT_HERE:
            raise ServiceUnreadable(f"{place} answered HTTP {response.status}; a redirect is not followed there")
    if named:
        raise ServiceUnreadable(f"{url} names its metadata at {places[0]}, where there is none")
    return None


def _named_place(url: str, named: str) -> str:
    if problem := fault_of(named, found_from=url):
        raise ServiceUnreadable(f'{url} names its metadata at "{printable(named)}": {problem}; nothing was sent there')
    return named


def _published(issuer: str, *, found_from: str, of_origin: bool = False) -> Generator[Request, Response, Any]:
    """Return the metadata of an issuer; None where it publishes none."""
    if problem := fault_of(issuer, found_from=found_from):
        raise ServiceUnreadable(
            f'{found_from} names the authorization server "{printable(issuer)}": {problem}; nothing was sent there'
        )
    for request in metadata_requests(issuer):
        response = yield replace(request, deadline=SECONDS)
        metadata = read_metadata(issuer, response, of_origin=of_origin)
        if metadata is not None:
            check_endpoints(metadata, found_from=issuer)
            return metadata
    return None


def _older(url: str, first: Response) -> Generator[Request, Response, Discovered]:
    """Find a server without protected resource metadata by its origin (MCP of 2025-03-26); it takes no `resource`."""
    server = origin(url)
    metadata = yield from _published(server, found_from=url, of_origin=True)
    is_assumed = metadata is None
    if is_assumed:
        names = {"authorization_endpoint": "authorize", "token_endpoint": "token", "registration_endpoint": "register"}
        metadata = {"issuer": server, **{key: f"{server}/{name}" for key, name in names.items()}}
    return Discovered(
        url=url,
        resource=None,
        metadata=metadata,
        named_issuer=server,
        scopes=_challenged(first),
        is_assumed=is_assumed,
        needs_proof=_asks_for_proof(first),
    )


def _asks_for_proof(first: Response) -> bool:
    """Whether the challenge of a 401 is for tokens that are bound to a key and for no others (RFC 9449 section 7.1)."""
    schemes = {challenge.scheme for challenge in read_challenges(first.challenges)}
    return first.status == UNAUTHORIZED and schemes.intersection(TOKEN_SCHEMES) == {"dpop"}


def _challenged(first: Response) -> tuple[str, ...]:
    """Return the scopes that the challenge of a 401 requests (RFC 6750 section 3)."""
    if first.status != UNAUTHORIZED:
        return ()
    return _scopes(token_challenge(first.challenges).get("scope", "").split())


def _scopes(found: Iterable[str]) -> tuple[str, ...]:
    """Return the scopes of a list, each once; what is none is left out."""
    return tuple(dict.fromkeys(filter(SCOPE.fullmatch, found)))[:MOST_SCOPES]


def _chosen(found: ProtectedResource, preferred: Container[str]) -> str:
    servers = found.authorization_servers
    return next((server for server in servers if server in preferred), servers[0])


def _check_success(url: str, connected: Response) -> None:
    """Raise `ServiceUnreadable` unless a server did what it was asked, which then needs no login."""
    if not connected.is_success:
        raise ServiceUnreadable(
            f"{url} answered HTTP {connected.status}, and publishes neither the metadata of a protected resource nor "
            "that of an issuer",
            hint="check the URL, with its path",
        )
