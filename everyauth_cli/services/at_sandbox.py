"""Moves a service's endpoints to a sandbox: every endpoint that it has, so that none stays at the real service."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urlsplit, urlunsplit

from everyauth_cli.model import Service
from everyauth_cli.services.endpoints import urls_of
from everyauth_cli.services.fields import with_values
from everyauth_cli.services.placeholders import fill

PATHS = {
    "authorization_endpoint": "authorize",
    "token_endpoint": "token",
    "refresh_endpoint": "refresh",
    "device_authorization_endpoint": "device_authorization",
    "revocation_endpoint": "revoke",
    "jwks_uri": "jwks",
    "account_endpoint": "account",
}
"""The last segment of each endpoint's path. An `issuer` is only compared, so it stays as it is."""
PARAM = "sandbox"
"""The value for a placeholder that has no default."""


def at_sandbox(service: Service, base_url: str) -> Service:
    """Return the service with its placeholders filled in and all its endpoints at the sandbox."""
    params = sandbox_params(service)
    filled = with_values(fill(service, params), endpoints(service, base_url))
    return replace(
        filled,
        params=tuple(replace(param, default=params[param.name]) for param in service.params),
        # The sandbox takes a loopback redirect URI in its place, so that nothing has to be pasted.
        https_redirect=False,
    )


def endpoints(service: Service, base_url: str) -> dict[str, str]:
    """Return the URL at the sandbox of each endpoint, by key; a query in the real URL is kept."""
    urls = urls_of(service)
    # Without a jwks_uri the keys would be looked for at the issuer's host.
    if service.issuer:
        urls.setdefault("jwks_uri", service.issuer)
    return {key: _moved(urls[key], f"{base_url}/{service.name}/{PATHS[key]}") for key in PATHS if key in urls}


def sandbox_params(service: Service) -> dict[str, str]:
    """Return a value for each placeholder: its default, where it has one."""
    return {p.name: PARAM if p.default is None else p.default for p in service.params}


def _moved(url: str, to: str) -> str:
    return urlunsplit(urlsplit(to)._replace(query=urlsplit(url).query))
