"""A pytest fixture for the tests of apps: an `EveryAuth` whose services are all at a sandbox."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest

from everyauth_cli.everyauth import EveryAuth
from everyauth_cli.flows.client_keys import keeps_key
from everyauth_cli.flows.freshness import now_ms
from everyauth_cli.model import DEFAULT_USER, Identity, Secret, Service
from everyauth_cli.oauth.grant import GrantType, only_grant
from everyauth_cli.sandbox.authorization_server import AuthorizationServer
from everyauth_cli.sandbox.client_key import CLIENT_KEY
from everyauth_cli.sandbox.faults import Fault
from everyauth_cli.sandbox.in_process import SandboxTransport
from everyauth_cli.sandbox.sent_response import DEFAULT_ACCOUNT
from everyauth_cli.sandbox.server import CLIENT_ID, CLIENT_SECRET, Sandbox
from everyauth_cli.services.at_sandbox import at_sandbox, sandbox_params
from everyauth_cli.services.catalogue import Catalogue
from everyauth_cli.services.redirect_uri import redirect_uri
from everyauth_cli.settings import read_settings
from everyauth_cli.store.memory import memory_store


class SandboxedCatalogue(Catalogue):
    """The catalogue, with every service at a sandbox."""

    def __init__(self, own: Path | None, base_url: str) -> None:
        super().__init__(own)
        self._base_url = base_url

    def get(self, name: str) -> Service:
        return at_sandbox(super().get(name), self._base_url)


class EveryAuthSandbox:
    """An `EveryAuth` in memory and its sandbox, which it calls in this process.

    They share one clock, which runs and can be advanced. `services` is the directory of service files of your own.
    """

    def __init__(self, sandbox: Sandbox, services: Path | None = None) -> None:
        self.sandbox = sandbox
        self._ahead = 0
        sandbox.clock = self._now
        self.auth = EveryAuth(
            store=memory_store(),
            catalogue=SandboxedCatalogue(services, sandbox.base_url),
            send=SandboxTransport(base_url=sandbox.base_url, respond=sandbox.respond).send,
            clock=self._now,
            override=lambda _: (CLIENT_ID, Secret(CLIENT_SECRET)),
        )

    @property
    def fault(self) -> str | None:
        """The failure of every refresh, as in `everyauth sandbox --fault`; None for none."""
        return self.sandbox.fault

    @fault.setter
    def fault(self, fault: str | None) -> None:
        self.sandbox.fault = Fault(fault) if fault else None

    @property
    def redirect_uri(self) -> str:
        """The redirect URI that the sandbox accepts, for the test of a web app; by default that of the command.

        Set it before the first login: `base_url` + `prefix` + /callback of your `authorize`.
        """
        return self.sandbox.redirect_uri

    @redirect_uri.setter
    def redirect_uri(self, uri: str) -> None:
        self.sandbox.redirect_uri = uri

    def allow(self, authorization_url: str, *, account: str = DEFAULT_ACCOUNT) -> str:
        """Consent to an authorization request as a user at the service; return the URL that the browser goes to next.

        `authorization_url` is where your app sent the browser. Raises `OAuthError` for a request that is refused.
        """
        server, transaction = self._requested(authorization_url)
        return server.allow(transaction, user=account)

    def deny(self, authorization_url: str) -> str:
        """Refuse the consent instead; return the URL that the browser goes to next, which has the error."""
        server, transaction = self._requested(authorization_url)
        return server.deny(transaction)

    def _requested(self, authorization_url: str) -> tuple[AuthorizationServer, str]:
        url = urlsplit(authorization_url)
        server = self.sandbox.server(url.path.split("/")[1])
        return server, server.authorize(dict(parse_qsl(url.query))).transaction

    def advance(self, seconds: float) -> None:
        """Move the clock forward."""
        self._ahead += round(seconds * 1000)

    def log_in(
        self,
        service: str,
        user: str = DEFAULT_USER,
        *,
        tenant: str = "",
        tags: Mapping[str, str] | None = None,
        scope: str | None = None,
        account: str = DEFAULT_ACCOUNT,
    ) -> Identity:
        """Log a user in without a browser; `account` is the user's account at the service."""
        entry = self.auth.clients.filled(service)
        keys = (Secret(CLIENT_KEY),) if keeps_key(entry) else ()
        self.auth.clients.set(entry, client_id=CLIENT_ID, params=sandbox_params(entry), change_keys=lambda _: keys)
        if only_grant(entry.grant_types_supported) is GrantType.JWT_BEARER:
            grant = self.auth.jwt_bearer(entry.name, user=user, tenant=tenant, tags=tags, scope=scope or "")
            return self.auth.keep(grant)
        uri = self.sandbox.redirect_uri or redirect_uri(entry, self.auth.clients.get(entry))
        pending = self.auth.begin(entry.name, redirect_uri=uri, user=user, tenant=tenant, tags=tags, scope=scope)
        url = self.allow(self.auth.authorization_url(pending), account=account)
        return self.auth.keep(self.auth.redeem(pending, parse_qsl(urlsplit(url).query)))

    def _now(self) -> int:
        return now_ms() + self._ahead


@pytest.fixture
def everyauth_services() -> Path | None:
    """The directory of your service files, which `everyauth_sandbox` knows too; override it to name another one."""
    return read_settings().services_dir


@pytest.fixture
def everyauth_sandbox(everyauth_services: Path | None) -> EveryAuthSandbox:
    """Return an `EveryAuth` whose services are all at a sandbox: `.auth`, `.log_in()`, `.fault` and `.advance()`.

    For a web app: `.redirect_uri`, `.allow()` and `.deny()`. It opens no socket, so plugins that mock HTTP or forbid
    sockets do not concern it. For a browser: `with Sandbox() as sandbox: EveryAuthSandbox(sandbox)` serves HTTP too.
    """
    return EveryAuthSandbox(Sandbox(Catalogue(everyauth_services), port=None), everyauth_services)
