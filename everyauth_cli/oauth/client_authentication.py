"""Client authentication (RFC 6749 section 2.3): each method of RFC 7591 is a value that is applied to a request."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from urllib.parse import quote_plus

from everyauth_cli.model import Client, Request, Secret
from everyauth_cli.services.rules import ClientAuthMethod

Authentication = Callable[[Request, Client], Request]
"""Returns a client's request with the client's authentication in it."""


def none(request: Request, client: Client) -> Request:
    """Name a public client, which has no secret (RFC 6749 section 3.2.1)."""
    return replace(request, fields={**request.fields, "client_id": client.client_id})


def client_secret_post(request: Request, client: Client) -> Request:
    """Send the client id and secret in the body."""
    named = none(request, client)
    if client.client_secret is None:
        return named
    return replace(named, fields={**named.fields, "client_secret": client.client_secret})


def client_secret_basic(request: Request, client: Client) -> Request:
    """Send the client id and secret as user name and password, both form-encoded (RFC 6749 section 2.3.1)."""
    return none(request, client) if client.client_secret is None else client_secret_basic_or_empty(request, client)


def client_secret_basic_or_empty(request: Request, client: Client) -> Request:
    """Do the same, with an empty password for a client that has no secret."""
    secret = client.client_secret or Secret("")
    return replace(request, basic=(quote_plus(client.client_id), Secret(quote_plus(secret.reveal()))))


METHODS: Mapping[ClientAuthMethod, Authentication] = MappingProxyType(
    {
        ClientAuthMethod.NONE: none,
        ClientAuthMethod.CLIENT_SECRET_POST: client_secret_post,
        ClientAuthMethod.CLIENT_SECRET_BASIC: client_secret_basic,
        ClientAuthMethod.CLIENT_SECRET_BASIC_OR_EMPTY: client_secret_basic_or_empty,
    }
)
