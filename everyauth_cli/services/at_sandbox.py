"""A service with a sandbox in its place: every endpoint of it is there, and none where the catalogue has it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from everyauth_cli.model import Service
from everyauth_cli.services.placeholders import fill

PATHS = {
    "authorization_endpoint": "authorize",
    "token_endpoint": "token",
    "refresh_endpoint": "refresh",
    "revocation_endpoint": "revoke",
    "jwks_uri": "jwks",
    "account_endpoint": "account",
}
"""The last segment of each endpoint's path; an `issuer` is a name that is compared, whatever host is in it."""
PARAM = "sandbox"
"""What fills a placeholder that has no default."""


def at_sandbox(service: Service, base_url: str) -> Service:
    """The service with its placeholders filled and all of its endpoints at the sandbox."""
    values = sandbox_params(service)
    params = tuple(replace(param, default=values[param.name]) for param in service.params)
    changes: dict[str, Any] = {**endpoints(service, base_url), "params": params}
    if service.https_redirect:
        # The sandbox takes a redirect URI that can be listened at, which spares the pasting.
        changes["https_redirect"] = False
    return replace(fill(service, values), **changes)


def endpoints(service: Service, base_url: str) -> dict[str, str]:
    """The keys of the entry that name endpoints, each with where the sandbox has it; a query of its own stays."""
    urls = {key: getattr(service, key) for key in PATHS}
    # Keys would be looked for at the issuer's host if no place were known for them.
    urls["jwks_uri"] = urls["jwks_uri"] or service.issuer
    return {key: _moved(url, f"{base_url}/{service.name}/{PATHS[key]}") for key, url in urls.items() if url}


def sandbox_params(service: Service) -> dict[str, str]:
    """A value for each placeholder: its default, if it has one."""
    return {p.name: PARAM if p.default is None else p.default for p in service.params}


def _moved(url: str, to: str) -> str:
    return urlunsplit(urlsplit(to)._replace(query=urlsplit(url).query))
