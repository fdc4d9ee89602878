"""A pytest fixture for the tests of apps: an `EveryAuth` whose services are all at a sandbox."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from urllib.parse import parse_qsl, urlsplit

import pytest

from everyauth_cli.everyauth import EveryAuth
from everyauth_cli.flows.clients import redirect_uri
from everyauth_cli.flows.freshness import now_ms
from everyauth_cli.model import DEFAULT_USER, Identity, Secret, Service
from everyauth_cli.sandbox.endpoints import DEFAULT_ACCOUNT
from everyauth_cli.sandbox.faults import Fault
from everyauth_cli.sandbox.server import CLIENT_ID, CLIENT_SECRET, Sandbox
from everyauth_cli.services.at_sandbox import at_sandbox, sandbox_params
from everyauth_cli.services.catalogue import Catalogue
from everyauth_cli.store.memory import memory_store
from everyauth_cli.transport import send


class SandboxedCatalogue(Catalogue):
    """The catalogue, with every service at a sandbox."""

    def __init__(self, base_url: str) -> None:
        super().__init__()
        self._base_url = base_url

    def get(self, name: str) -> Service:
        return at_sandbox(super().get(name), self._base_url)


class EveryAuthSandbox:
    """An `EveryAuth` in memory and its sandbox. They share one clock, which runs and can be advanced."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self._ahead = 0
        sandbox.clock = self._now
        self.auth = EveryAuth(
            store=memory_store(),
            catalogue=SandboxedCatalogue(sandbox.base_url),
            send=send,
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
        self.auth.clients.set(entry, params=sandbox_params(entry))
        uri = self.sandbox.redirect_uri or redirect_uri(entry, self.auth.clients.get(entry))
        pending = self.auth.begin(entry.name, redirect_uri=uri, user=user, tenant=tenant, tags=tags, scope=scope)
        server = self.sandbox.server(entry.name)
        request = server.authorize(dict(parse_qsl(urlsplit(self.auth.authorization_url(pending)).query)))
        url = server.allow(request.transaction, user=account)
        return self.auth.keep(self.auth.redeem(pending, parse_qsl(urlsplit(url).query)))

    def _now(self) -> int:
        return now_ms() + self._ahead


@pytest.fixture
def everyauth_sandbox() -> Iterator[EveryAuthSandbox]:
    """Yield an `EveryAuth` whose services are all at a sandbox: `.auth`, `.log_in()`, `.fault` and `.advance()`."""
    with Sandbox() as sandbox:
        yield EveryAuthSandbox(sandbox)
