"""Pushed requests (RFC 9126) and resource indicators (RFC 8707) at a real authorization server, npm's oidc-provider."""

from __future__ import annotations

import json
import re
import shlex
import sys
from urllib.parse import parse_qsl, urlsplit

import pytest
from peers.oidc_provider import SECRET, running
from peers.op_browser import play
from peers.sandbox import SEALED
from peers.terminal import terminal

from everyauth_cli.errors import ClientRejected, ServiceError
from everyauth_cli.everyauth import EveryAuth
from everyauth_cli.flows.freshness import now_ms
from everyauth_cli.model import Secret
from everyauth_cli.oauth import base64url
from everyauth_cli.oauth.jose import new_private_key
from everyauth_cli.oauth.jwk import public_jwks
from everyauth_cli.services.catalogue import Catalogue
from everyauth_cli.store.memory import memory_store
from everyauth_cli.transport import send

pytestmark = pytest.mark.slow

KEY = new_private_key()
RESOURCE = "https://api.example.test/v1"
LATER_MS = 3600 * 1000
SECONDS = 60
"""The lifetime of a pushed request at the provider, which is not to be set."""
LATER = """
import os, sys, time
from everyauth_cli.__main__ import main
path, now = sys.argv.pop(1), time.time_ns
time.time_ns = lambda: now() + (55_000_000_000 if os.path.exists(path) else 0)
main()
"""
"""Runs the command with a clock that is ahead by 55 s once a file exists."""
URL = re.compile(r"^(http://\S+/auth\?\S+)$", re.MULTILINE)


@pytest.fixture(scope="module")
def provider():
    jwks = {"signer": public_jwks([KEY])}
    with running(jwks=jwks, requires_push=True, access_token_lifetime=600) as provider:
        yield provider


def entry(provider, auth_method, **more):
    """Return the lines of a service file for the provider."""
    keys = {
        "authorization_endpoint": provider.authorization_endpoint,
        "token_endpoint": provider.token_endpoint,
        "pushed_authorization_request_endpoint": provider.push_endpoint,
        "require_pushed_authorization_requests": True,
        "issuer": provider.issuer,
        "jwks_uri": f"{provider.issuer}/jwks",
        "token_endpoint_auth_method": auth_method,
        "scopes": ["openid", "api:read"],
        **more,
    }
    return "".join(f"{key} = {json.dumps(value)}\n" for key, value in keys.items())


class World:
    """An EveryAuth whose service `op` is the provider; `sent` are the requests to it."""

    def __init__(self, provider, directory, auth_method="none", client_id="native", **client):
        self.sent, self.ahead = [], 0
        (directory / "op.toml").write_text(entry(provider, auth_method))
        self.auth = EveryAuth(
            store=memory_store(), catalogue=Catalogue(directory), send=self._send, clock=lambda: now_ms() + self.ahead
        )
        self.auth.clients.set(self.auth.catalogue.get("op"), client_id=client_id, **client)

    def _send(self, request):
        self.sent.append(request)
        return send(request)

    def log_in(self, callback, **about):
        pending = self.auth.begin("op", redirect_uri=callback.uri, **about)
        url = self.auth.authorization_url(pending)
        assert [name for name, _ in parse_qsl(urlsplit(url).query)] == ["client_id", "request_uri"]
        play(url, user="alice", allow=True)
        return self.auth.keep(self.auth.redeem(pending, [*callback.query.items()]))


CLIENTS = [
    ("none", "native", {}),
    ("client_secret_basic", "web", {"client_secret": Secret(SECRET)}),
    ("client_secret_post", "web-post", {"client_secret": Secret(SECRET)}),
    ("private_key_jwt", "signer", {"change_keys": lambda _: (KEY,)}),
]


@pytest.mark.parametrize("registered", CLIENTS)
def test_each_kind_of_client_pushes_its_request(provider, callback, tmp_path, registered):
    auth_method, client_id, client = registered
    world = World(provider, tmp_path, auth_method, client_id, **client)
    assert world.log_in(callback).account.subject == "alice"
    assert world.sent[0].url == provider.push_endpoint


def test_a_client_that_it_does_not_know_is_refused_by_the_push(provider, callback, tmp_path):
    world = World(provider, tmp_path, "client_secret_post", "web-post", client_secret=Secret("wrong"))
    with pytest.raises(ClientRejected, match=r"the pushed authorization request, which op requires .* failed"):
        world.auth.begin("op", redirect_uri=callback.uri)


def test_a_scope_or_a_redirect_uri_that_it_does_not_take_is_refused_by_the_push(provider, callback, tmp_path):
    world = World(provider, tmp_path)
    with pytest.raises(ServiceError, match=r"the pushed .* failed: op answered invalid_re"):
        world.auth.begin("op", redirect_uri="http://127.0.0.1:1/other")
    with pytest.raises(ServiceError, match=r"the pushed .* failed: op answered invalid_target") as raised:
        world.auth.begin("op", redirect_uri=callback.uri, resource="https://other.example.test")
    assert "it issues no token for the resource https://other.example.test" in raised.value.message


def test_the_token_is_for_the_resource_and_so_is_that_of_each_refresh(provider, callback, tmp_path):
    world = World(provider, tmp_path)
    identity = world.log_in(callback, resource=RESOURCE)
    for _ in range(2):
        token = world.auth.get_identity("op").access_token
        assert json.loads(base64url.decode(token.split(".")[1]))["aud"] == RESOURCE
        world.ahead += LATER_MS
    assert (identity.resource, len({request.url for request in world.sent})) == (RESOURCE, 3)
    sent = [request.fields.get("resource") for request in world.sent if request.method == "POST"]
    assert sent == [RESOURCE] * 3


@pytest.fixture
def shell(provider, everyauth):
    services = everyauth.home / "services"
    services.mkdir(parents=True)
    (services / "op.toml").write_text(entry(provider, "none"))
    everyauth("service", "set", "op", "--client-id", "native", env=SEALED)
    return everyauth


def test_the_installed_command_logs_in_with_a_browser(provider, shell):
    done = shell("login", "op", env={**SEALED, "BROWSER": provider.browser()})
    assert done.code == 0, done
    assert "Logged in to op as alice" in done.err


def pressed_enter(shown):
    """Press Enter, and return the URL that is shown then."""
    start = len(shown.shown)
    shown.type("\n")
    shown.wait_for("request_uri=", since=start)
    shown.wait_for("\n\n", since=start + shown.shown[start:].index("request_uri="))
    return URL.findall(shown.shown)[-1]


def test_a_url_that_has_expired_is_replaced_by_another_one_on_enter(shell, tmp_path):
    later = tmp_path / "later"
    words = [sys.executable, "-P", "-c", LATER, str(later), *shlex.split("login op --no-browser")]
    with terminal(words, shell.environment({**SEALED, "BROWSER": "", "TERM": "dumb"})) as shown:
        shown.wait_for("It will not be shown.")
        assert re.search(r"within [45][0-9] s \(press Enter for another one\):", shown.shown)
        (first,) = URL.findall(shown.shown)
        assert pressed_enter(shown) == first
        later.touch()
        second = pressed_enter(shown)
        assert second != first
        play(second, user="alice", allow=True)
        assert shown.end() == 0
        assert "Logged in to op as alice" in shown.shown


def test_a_login_without_a_terminal_says_how_long_the_url_is_good_for(shell):
    done = shell("login", "op", "--no-browser", "--timeout", "1s", env=SEALED)
    assert done.code == 4
    assert re.search(r"Open it within [45][0-9] s; the service does not accept it later\.", done.err)
    done = shell("login", "op", "--no-browser", "--events", "--timeout", "1s", env=SEALED)
    (url,) = [event for event in map(json.loads, done.err.splitlines()) if event["event"] == "url"]
    assert 0 < url["expiresIn"] <= SECONDS
