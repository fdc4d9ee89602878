"""Client authentication (RFC 6749 section 2.3): each method of RFC 7591 is a value that is applied to a request."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from urllib.parse import quote_plus

from everyauth_cli.errors import ClientRejected, ConfigurationProblem
from everyauth_cli.model import Client, Request, Secret, Service
from everyauth_cli.oauth.client_assertion import ASSERTION_TYPE, client_assertion, signed_client_secret
from everyauth_cli.services.rules import BEARER, BasicEncoding, ClientAuthMethod
from everyauth_cli.urls import is_url

Authentication = Callable[[Request, Service, Client, int], Request]
"""Returns a client's request with the client's authentication in it, as of a time in milliseconds since the epoch."""


def authenticated(
    request: Request, service: Service, client: Client, *, method: ClientAuthMethod, now: int | None = None
) -> Request:
    """Return a client's request with its authentication, in the way that the service takes it.

    `now` is milliseconds since the epoch, by default the system's time.
    """
    return METHODS[method](request, service, client, time.time_ns() // 1_000_000 if now is None else now)


def none(request: Request, _: Service, client: Client, __: int) -> Request:
    """Name a public client, which has no secret (RFC 6749 section 3.2.1)."""
    return replace(request, fields={**request.fields, "client_id": client.client_id})


def client_secret_post(request: Request, service: Service, client: Client, now: int) -> Request:
    """Send the client id and secret in the body."""
    named = none(request, service, client, now)
    if client.client_secret is None:
        return named
    return replace(named, fields={**named.fields, "client_secret": client.client_secret})


def client_secret_basic(request: Request, service: Service, client: Client, now: int) -> Request:
    """Send the client id and secret as user name and password (RFC 6749 section 2.3.1)."""
    method = none if client.client_secret is None else client_secret_basic_or_empty
    return method(request, service, client, now)


def client_secret_basic_or_empty(request: Request, service: Service, client: Client, _: int) -> Request:
    """Do the same, with an empty password for a client that has no secret.

    Raises `ConfigurationProblem` for a client id that cannot be sent raw.
    """
    secret = client.client_secret or Secret("")
    if service.client_secret_basic_encoding is BasicEncoding.FORM:
        return replace(request, basic=(quote_plus(client.client_id), Secret(quote_plus(secret.reveal()))))
    if ":" in client.client_id:
        # RFC 7617 section 2: the first colon ends the user name.
        raise ConfigurationProblem(
            f"the client id of {client.service} has a colon, which HTTP Basic cannot send raw",
            hint='client_secret_basic_encoding = "form" or token_endpoint_auth_method = "client_secret_post" in '
            f"{client.service}.toml",
        )
    return replace(request, basic=(client.client_id, secret))


def private_key_jwt(request: Request, service: Service, client: Client, now: int) -> Request:
    """Send an assertion that the client's private key signs (RFC 7523 section 2.2).

    Raises `ConfigurationProblem` where the service takes no algorithm that the key signs with.
    """
    assertion = client_assertion(service, client, now=now)
    named = none(request, service, client, now)
    fields = {**named.fields, "client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion}
    return replace(named, fields=fields)


def client_secret_signed(request: Request, service: Service, client: Client, now: int) -> Request:
    """Send a client secret that the client's private key signs for this request.

    Raises `ConfigurationProblem` where the service takes no algorithm that the key signs with.
    """
    named = none(request, service, client, now)
    return replace(named, fields={**named.fields, "client_secret": signed_client_secret(service, client, now=now)})


METHODS: Mapping[ClientAuthMethod, Authentication] = MappingProxyType(
    {
        ClientAuthMethod.NONE: none,
        ClientAuthMethod.CLIENT_SECRET_POST: client_secret_post,
        ClientAuthMethod.CLIENT_SECRET_BASIC: client_secret_basic,
        ClientAuthMethod.CLIENT_SECRET_BASIC_OR_EMPTY: client_secret_basic_or_empty,
        ClientAuthMethod.CLIENT_SECRET_SIGNED: client_secret_signed,
        ClientAuthMethod.PRIVATE_KEY_JWT: private_key_jwt,
    }
)
BASIC_METHODS = (ClientAuthMethod.CLIENT_SECRET_BASIC, ClientAuthMethod.CLIENT_SECRET_BASIC_OR_EMPTY)


def client_rejected(service: Service, reason: str, *, key: str) -> ClientRejected:
    """Make the error for a client that an endpoint does not accept; `key` is the entry's key of the endpoint."""
    if is_url(service.name) and not service.client_of:
        return ClientRejected(
            f"{service.name} does not accept the client that it registered: {reason}",
            hint=f"have it register another: everyauth login {shlex.quote(service.name)}",
        )
    name = service.registered_at.name
    if service.token_endpoint_auth_method is ClientAuthMethod.PRIVATE_KEY_JWT:
        return ClientRejected(
            f"{service.name} does not accept the client id and its key: {reason}",
            hint=f"check that this JWK Set is registered there, and client_assertion_audience in services/{name}.toml: "
            f"everyauth service key {name}",
        )
    if service.token_endpoint_auth_method is ClientAuthMethod.CLIENT_SECRET_SIGNED:
        return ClientRejected(
            f"{service.name} does not accept the client id and its key: {reason}",
            hint=f"check the client id, the key and the settings: everyauth service get {name} --long",
        )
    return ClientRejected(
        f"{service.name} does not accept the client id and secret: {reason}",
        hint=f"{_causes(service, key)}everyauth service set {name} --client-id ID --client-secret -",
    )


def _causes(service: Service, key: str) -> str:
    """Return what may be wrong, the likeliest first: a server says the same of all of them."""
    revokes = key == "revocation_endpoint"
    method = (service.revocation.auth_method if revokes else None) or service.token_endpoint_auth_method
    if method == BEARER:
        return ""
    other = ClientAuthMethod.CLIENT_SECRET_POST if method in BASIC_METHODS else ClientAuthMethod.CLIENT_SECRET_BASIC
    endpoint = key if revokes else "token_endpoint"
    auth_key, file = f"{endpoint}_auth_method", f"services/{service.registered_at.name}.toml"
    causes = [f'the method, now {method} ({auth_key} = "{other}" in {file} sends the secret in another way)']
    causes += ["the client id and secret"]
    if method in BASIC_METHODS:
        causes += [f'the encoding (client_secret_basic_encoding = "{_other_encoding(service)}" there changes it)']
    return f"check {', then '.join(causes)}; to set the secret again: "


def _other_encoding(service: Service) -> BasicEncoding:
    is_form = service.client_secret_basic_encoding is BasicEncoding.FORM
    return BasicEncoding.RAW if is_form else BasicEncoding.FORM
