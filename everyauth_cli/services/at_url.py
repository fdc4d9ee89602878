"""Services that no catalogue knows: each is a server's URL, and what the server said of itself."""

from __future__ import annotations

import shlex
from dataclasses import replace

from everyauth_cli.errors import ClientNotSet, UsageProblem
from everyauth_cli.model import Client, Service
from everyauth_cli.services.catalogue import Catalogue
from everyauth_cli.services.entry import make_service
from everyauth_cli.urls import same_server, without_user


def server_name(url: str) -> str:
    """Return the name of the service at a URL, which is the URL in one spelling. Raises `UsageProblem`."""
    try:
        return same_server(url)
    except ValueError as error:
        raise UsageProblem(f'the URL "{without_user(url)}" cannot be used: {error}', hint="https://HOST/PATH") from None


def service_of(client: Client, catalogue: Catalogue) -> Service:
    """Return the service at a URL, as the record of our client there describes it.

    Its `server` has the keys of an `entry`, the `resource`, and the name of the service that it uses the client of, or
    none, as `client_of`; whether the user named that and when the server was found are for the next login. Raises
    `ConfigurationProblem`.
    """
    url, server, entry = client.service, client.server, client.server["entry"]
    name = server["client_of"]
    known = catalogue.get(name) if name else None
    service = make_service(url, entry, where=lambda _: f"what {url} says of itself", own=True, own_keys=[*entry])
    if known is not None:
        service = _with_client_of(known, service)
    setup = (
        f"Log in: {login_at(url)}. It finds out how, and registers a client where the server allows that.",
        "Where it does not, register an app there yourself, with this redirect URI.",
    )
    return replace(service, name=url, title=url, own=False, setup=setup, expect=(), resource=server["resource"])


def _with_client_of(known: Service, found: Service) -> Service:
    """Return a known service as its client is used at a server: at the endpoints that discovery has found."""
    return replace(
        known,
        authorization_endpoint=found.authorization_endpoint,
        token_endpoint=found.token_endpoint,
        pushed_authorization_request_endpoint=found.pushed_authorization_request_endpoint,
        require_pushed_authorization_requests=found.require_pushed_authorization_requests,
        issuer=found.issuer,
        authorization_response_iss_parameter_supported=found.authorization_response_iss_parameter_supported,
        pkce=found.pkce,
        scopes=found.scopes or known.scopes,
        dpop=found.dpop,
        authorization_params={**known.authorization_params, **found.authorization_params},
        aliases=(),
        presets={},
        preset_of=None,
        client_of=known.registered_at,
    )


def login_at(url: str) -> str:
    """Return the command that logs in at a URL."""
    return f"everyauth login {shlex.quote(url)}"


def never_registered(url: str) -> ClientNotSet:
    """Make the error for a URL at which no login has left a client."""
    return ClientNotSet(f"no client at {url} is stored: a login registers one", hint=login_at(url))
