"""Finds out how a server is logged in at, from its issuer alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from everyauth_cli.errors import ServiceUnreadable, UsageProblem
from everyauth_cli.model import Request, Response
from everyauth_cli.oauth.metadata import entry_of, metadata_requests, read_metadata
from everyauth_cli.urls import without_user


def discover(issuer: str, send: Callable[[Request], Response]) -> dict[str, Any]:
    """Return the keys of an entry for an issuer, from its metadata (RFC 8414, OpenID Connect Discovery).

    Raises `UsageProblem` for an issuer that is no URL, `ServiceUnreachable`, and `ServiceUnreadable` where the server
    has no metadata or another's.
    """
    try:
        requests = [*metadata_requests(issuer)]
    except ValueError as error:
        message = f'the issuer "{without_user(issuer)}" cannot be used: {error}'
        raise UsageProblem(message, hint="https://HOST/PATH") from None
    for request in requests:
        found = read_metadata(issuer, send(request))
        if found is not None:
            return entry_of(found)
    places = ", ".join(request.url for request in requests)
    raise ServiceUnreadable(
        f"{issuer} publishes no metadata; it was looked for at {places}",
        hint="give its endpoints: everyauth service add NAME --authorize-url URL --token-url URL",
    )
