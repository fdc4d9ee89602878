"""Protected resource metadata (RFC 9728): where it is, what it says, and whether a resource covers a URL."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from everyauth_cli.errors import ServiceUnreadable
from everyauth_cli.model import Response
from everyauth_cli.oauth.response_body import read_json
from everyauth_cli.sanitize import printable
from everyauth_cli.urls import check_url, origin

WELL_KNOWN = "/.well-known/oauth-protected-resource"
DOTS = re.compile(r"\.|%2e", re.IGNORECASE)
SEPARATOR = re.compile(r"[/\\]|%2f|%5c", re.IGNORECASE)
"""The end of a segment as a server may see it, though only the slash is one (RFC 3986 section 3.3)."""
MOST_SERVERS = 20
"""Authorization servers of one resource that are read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtectedResource:
    """The metadata of a resource (RFC 9728 section 2); `scopes` are empty where it states none.

    One that `needs_proof` takes only tokens that are bound to a key (RFC 9449).
    """

    resource: str
    authorization_servers: tuple[str, ...]
    scopes: tuple[str, ...] = ()
    needs_proof: bool = False


def metadata_places(url: str) -> list[str]:
    """Return the URLs of a resource's metadata, in the order in which they are tried (RFC 9728 section 3.1)."""
    parts, server = urlsplit(url), origin(url)
    path = parts.path.removesuffix("/")
    query = f"?{parts.query}" if parts.query else ""
    return list(dict.fromkeys([f"{server}{WELL_KNOWN}{path}{query}", f"{server}{WELL_KNOWN}"]))


def read_protected_resource(url: str, place: str, response: Response) -> ProtectedResource:
    """Return the metadata in a response from `place` (RFC 9728 section 3.2), if it is that of a resource with this URL.

    Raises `ServiceUnreadable` for metadata that is malformed or another resource's (section 3.3): what exists is
    never passed over, because an older way to log in could be worse.
    """
    found = read_json(response.body.reveal(), response.content_type)
    resource = found.get("resource") if isinstance(found, dict) else None
    if not isinstance(found, dict) or not isinstance(resource, str):
        raise ServiceUnreadable(f"the protected resource metadata at {place} has no resource")
    if not covers(resource, url):
        raise ServiceUnreadable(f'{place} describes the resource "{printable(resource)}", which does not cover {url}')
    servers = found.get("authorization_servers")
    usable = tuple(map(str, servers[:MOST_SERVERS])) if isinstance(servers, list) else ()
    if not usable:
        raise ServiceUnreadable(f"the protected resource metadata at {place} names no authorization server")
    scopes = found.get("scopes_supported")
    named = tuple(scope for scope in scopes if isinstance(scope, str)) if isinstance(scopes, list) else ()
    needs_proof = found.get("dpop_bound_access_tokens_required") is True
    return ProtectedResource(resource=resource, authorization_servers=usable, scopes=named, needs_proof=needs_proof)


def covers(resource: str, url: str) -> bool:
    """Return whether a URL is that of a resource or below it: the same origin, and its path begins with all segments.

    Dot segments cover nothing, because a server may resolve them.
    """
    try:
        if origin(check_url(resource)) != origin(check_url(url)):
            return False
    except ValueError:
        return False
    above, below = urlsplit(resource), urlsplit(url)
    if above.query not in ("", below.query) or _has_dots(above.path) or _has_dots(below.path):
        return False
    prefix = _segments(above.path.removesuffix("/"))
    return _segments(below.path)[: len(prefix)] == prefix


def _segments(path: str) -> list[str]:
    return path.split("/")


def _has_dots(path: str) -> bool:
    return any(DOTS.sub(".", segment) in (".", "..") for segment in SEPARATOR.split(path))
