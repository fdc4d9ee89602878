"""The methods of `EveryAuth` that hand the current access token to an app's HTTP clients and SDKs."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, cast

from everyauth_cli.errors import UsageProblem
from everyauth_cli.flows.composition import HasFlows
from everyauth_cli.flows.selector import Who, read_who
from everyauth_cli.model import DEFAULT_USER, Identity, Secret
from everyauth_cli.urls import is_url

if TYPE_CHECKING:
    from everyauth_cli.bearer.google_auth import GoogleCredentials
    from everyauth_cli.bearer.httpx_auth import HttpxAuth
    from everyauth_cli.bearer.requests_auth import RequestsAuth
    from everyauth_cli.bearer.token_source import TokenSource


def httpx_auth(
    self: HasFlows, service: str, who: Who = DEFAULT_USER, *, tenant: str = "", identity_id: str | None = None
) -> HttpxAuth:
    """Return the auth of an `httpx` or `httpx2` client: each request has a current token, after a 401 a new one.

    It is for a client that talks to this service alone: the token goes wherever a request is sent. A request
    raises what `get_identity` does, and `LoginRequired` where that returns None or a server at a URL asks for more
    access (403, `insufficient_scope`): its hint is a login for the union of the scopes.
    """
    tokens = self._flows.identities.access_tokens(service, who, tenant=tenant, identity_id=identity_id, signs=True)
    module = _module("httpx_auth", "httpx")
    find = _finder(self, service, who, tenant=tenant, identity_id=identity_id)
    return cast("HttpxAuth", module.HttpxAuth(tokens, service=service, clock=self._flows.clock, find=find))


def requests_auth(
    self: HasFlows, service: str, who: Who = DEFAULT_USER, *, tenant: str = "", identity_id: str | None = None
) -> RequestsAuth:
    """Return the same for `requests`. Raises `UsageProblem` where that is not installed."""
    tokens = self._flows.identities.access_tokens(service, who, tenant=tenant, identity_id=identity_id, signs=True)
    module = _module("requests_auth", "requests", install="'everyauth-cli[requests]'")
    find = _finder(self, service, who, tenant=tenant, identity_id=identity_id)
    return cast("RequestsAuth", module.RequestsAuth(tokens, clock=self._flows.clock, find=find))


def token_source(
    self: HasFlows,
    service: str,
    who: Who = DEFAULT_USER,
    *,
    tenant: str = "",
    identity_id: str | None = None,
    min_ttl: int = 0,
) -> TokenSource:
    """Return a function that returns the current access token at each call, for an SDK.

    The token lives at least `min_ttl` milliseconds more. As an attribute of a class, `token = auth.token_source(...)`,
    it is the current token of each object. `everyauth help sdk` shows the lines for many SDKs. A call raises what
    `get_identity` does, and `LoginRequired` where that returns None.
    """
    tokens = self._flows.identities.access_tokens(service, who, tenant=tenant, identity_id=identity_id)

    def current() -> Secret[str]:
        return tokens(min_ttl=min_ttl).value

    return cast("TokenSource", _module("token_source").TokenSource(current))


def google_auth(
    self: HasFlows, service: str, who: Who = DEFAULT_USER, *, tenant: str = "", identity_id: str | None = None
) -> GoogleCredentials:
    """Return credentials for Google's own client libraries, with the lifetime that these want a token to have left.

    Raises `UsageProblem` where `google-auth` is not installed.
    """
    current = self._flows.identities.current(service, who, tenant=tenant, identity_id=identity_id)
    return cast("GoogleCredentials", _module("google_auth", "google-auth").GoogleCredentials(current))


def _finder(
    self: HasFlows, service: str, who: Who, *, tenant: str, identity_id: str | None
) -> Callable[[], Identity | None] | None:
    """Return what finds the identity at a server that is known by its URL; None at any other service."""
    if not is_url(service):
        return None
    selector = read_who(who, tenant=tenant, identity_id=identity_id)
    return partial(self._flows.identities.one, self._flows.identities.service_name(service), selector)


def _module(name: str, library: str = "", *, install: str = "") -> ModuleType:
    """Import a module of this package together with the library that it is for: start-up is paid at every call."""
    try:
        return import_module(f"everyauth_cli.bearer.{name}")
    except ModuleNotFoundError:
        raise UsageProblem(f"{library} is not installed", hint=f"pip install {install or library}") from None
