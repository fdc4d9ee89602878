"""Moves a service's endpoints to a sandbox: every endpoint that it has, so that none stays at the real service."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urlsplit, urlunsplit

from everyauth_cli.model import Service
from everyauth_cli.services.endpoints import urls_of
from everyauth_cli.services.fields import with_values
from everyauth_cli.services.placeholders import fill
from everyauth_cli.services.rules import (
    BEARER_SCHEME,
    ChallengeMethod,
    DeviceRules,
    DpopRules,
    LongLivedRules,
    Parameter,
    RequestRules,
    ResponseRules,
)
from everyauth_cli.urls import PLACEHOLDER

PATHS = {
    "authorization_endpoint": "authorize",
    "token_endpoint": "token",
    "refresh_endpoint": "refresh",
    "device_authorization_endpoint": "device_authorization",
    "pushed_authorization_request_endpoint": "par",
    "revocation_endpoint": "revoke",
    "jwks_uri": "jwks",
    "account_endpoint": "account",
}
"""The last segment of each endpoint's path. An `issuer` is only compared, so it stays as it is."""
PARAM = "sandbox"
"""The value for a placeholder that has no default, or that the client credentials grant needs."""


def at_sandbox(service: Service, base_url: str) -> Service:
    """Return the service with its placeholders filled in and all its endpoints at the sandbox."""
    params = sandbox_params(service)
    # The sandbox's authorization response has no value for a placeholder.
    service = replace(service, params=tuple(replace(param, callback="") for param in service.params))
    filled = with_values(fill(service, params), endpoints(service, base_url))
    return replace(
        filled,
        params=tuple(replace(param, default=params[param.name]) for param in service.params),
        scope_required=False,
        # Without a dialect it speaks as the standard says.
        requests=RequestRules(),
        response=ResponseRules(),
        long_lived=LongLivedRules(),
        device=DeviceRules(pkce=filled.device.pkce),
        dpop=DpopRules(),  # its tokens are bound to no key
        quirk=replace(filled.quirk, distrust=None),  # its accounts have other ids
        client_assertion=replace(filled.client_assertion, signing_algs=()),  # the sandbox's client has one key
        revocation=replace(filled.revocation, params={}, authorization=None),
        code_challenge_method=ChallengeMethod.S256,
        # The sandbox takes a loopback redirect URI in its place, so that nothing has to be pasted.
        redirect=replace(filled.redirect, https_only=False, name=None),
        api=replace(filled.api, scheme=BEARER_SCHEME),
    )


def endpoints(service: Service, base_url: str) -> dict[str, str]:
    """Return the URL at the sandbox of each endpoint, by key; a query in the real URL is kept."""
    urls = urls_of(service)
    # Without a jwks_uri the keys would be looked for at the issuer's host.
    if service.issuer:
        urls.setdefault("jwks_uri", service.issuer)
    return {key: _moved(urls[key], f"{base_url}/{service.name}/{PATHS[key]}") for key in PATHS if key in urls}


def preset_endpoints(service: Service, base_url: str) -> dict[str, str]:
    """Return the URL at the sandbox, beside the service's own, of each endpoint that its presets have for themselves.

    Each is under its name in a service file: `presets.NAME.KEY`.
    """
    return {
        f"presets.{name}.{key}": _moved(values[key], f"{base_url}/{service.name}/{PATHS[key]}")
        for name, values in service.presets.items()
        for key in PATHS
        if key in values
    }


def sandbox_params(service: Service) -> dict[str, str]:
    """Return a value for each placeholder: its default, where it has one."""
    needed = {name for text in service.client_credentials.params.values() for name in PLACEHOLDER.findall(text)}
    return {p.name: _sandbox_value(p) or (PARAM if p.name in needed else "") for p in service.params}


def _sandbox_value(param: Parameter) -> str:
    if param.default or (param.default is not None and not param.callback):
        return param.default
    return next(iter(param.values), PARAM)


def _moved(url: str, to: str) -> str:
    return urlunsplit(urlsplit(to)._replace(query=urlsplit(url).query))
