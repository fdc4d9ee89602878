"""Clients that are registered nowhere: the client id itself has the redirect URI and the scopes of a login.

https://atproto.com/specs/oauth#localhost-client-development
"""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import quote, urlencode, urlsplit

from everyauth_cli.model import Client

LOCALHOST = "http://localhost"
"""The client id with the redirect URIs and the scope that are the default; that of a login replaces it."""


def for_login(client: Client, *, redirect_uri: str, scope: str) -> Client:
    """Return the client for a login; any that was registered is returned as it is.

    The server compares the redirect URI without its port, so the client is the same at the next login.
    """
    if client.client_id != LOCALHOST:
        return client
    parts = urlsplit(redirect_uri)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    known = {"redirect_uri": f"{parts.scheme}://{host}{parts.path}", **({"scope": scope} if scope else {})}
    return replace(client, client_id=f"{LOCALHOST}?{urlencode(known, quote_via=quote, safe='')}")


def of_grant(client: Client, client_id: str) -> Client:
    """Return the client that a login was begun with, or its tokens were granted to."""
    return replace(client, client_id=client_id) if client.client_id == LOCALHOST and client_id else client
