"""Clients with a private key at a real authorization server: every request is signed anew."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qsl, urlsplit

import pytest
from peers.oidc_provider import running

from everyauth_cli.errors import ClientRejected
from everyauth_cli.everyauth import EveryAuth
from everyauth_cli.model import Secret
from everyauth_cli.oauth.jose import new_private_key
from everyauth_cli.oauth.jwk import public_jwks
from everyauth_cli.services.catalogue import Catalogue
from everyauth_cli.store.memory import memory_store
from everyauth_cli.transport import send

pytestmark = pytest.mark.slow

KEYS = {name: new_private_key([name]) for name in ("ES256", "ES384", "RS256", "PS256", "EdDSA")}
NEXT = new_private_key()
SECONDS = 2


class Callback(HTTPServer):
    """A redirect URI that remembers the query it was called with."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Listener)
        self.query = ""


class Listener(BaseHTTPRequestHandler):
    server: Callback

    def do_GET(self) -> None:
        self.server.query = urlsplit(self.path).query
        self.send_response(200)
        self.end_headers()

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def provider():
    jwks = {name: public_jwks([key, *([NEXT] if name == "ES256" else [])]) for name, key in KEYS.items()}
    with running(access_token_lifetime=SECONDS, jwks=jwks) as provider:
        yield provider


class World:
    """An EveryAuth whose service `op` is the provider; `sent` are the requests to it."""

    def __init__(self, provider, directory):
        self.provider, self.directory, self.sent = provider, directory, []
        self.auth = EveryAuth(store=memory_store(), catalogue=Catalogue(directory), send=self._send)

    def _send(self, request):
        self.sent.append(request)
        return send(request)

    def entry(self, *more):
        provider = self.provider
        lines = [
            f'authorization_endpoint = "{provider.authorization_endpoint}"',
            f'token_endpoint = "{provider.token_endpoint}"',
            f'revocation_endpoint = "{provider.revocation_url}"',
            f'issuer = "{provider.issuer}"',
            f'jwks_uri = "{provider.issuer}/jwks"',
            'token_endpoint_auth_method = "private_key_jwt"',
            'scopes = ["openid", "offline_access"]',
            'authorization_params = {prompt = "consent"}',
            *more,
        ]
        (self.directory / "op.toml").write_text("\n".join(lines))

    def client(self, client_id, *keys):
        self.auth.clients.set(self.auth.catalogue.get("op"), client_id=client_id, change_keys=lambda _: keys)

    def keep(self):
        return self.auth.keep(self.auth.client_credentials("op", scope="api:read"))


@pytest.fixture
def world(provider, tmp_path):
    world = World(provider, tmp_path)
    world.entry()
    return world


@pytest.mark.parametrize("name", KEYS)
@pytest.mark.parametrize("audience", ["issuer", "token_endpoint"])
def test_each_kind_of_key_gets_the_client_a_token(world, name, audience):
    world.entry(
        f'client_assertion_audience = "{audience}"', f'token_endpoint_auth_signing_alg_values_supported = ["{name}"]'
    )
    world.client(name, KEYS[name])
    assert world.keep().scope == "api:read"
    assert world.sent[0].fields["client_id"] == name


def test_the_grant_is_run_again_with_a_fresh_assertion_and_an_old_one_is_refused(world):
    world.client("ES256", KEYS["ES256"])
    world.keep()
    before = world.auth.get_identity("op").access_token
    time.sleep(SECONDS)
    assert world.auth.get_identity("op").access_token != before
    first, second = world.sent
    assert first.fields["client_assertion"] != second.fields["client_assertion"]
    # The server remembers each `jti`: the same request is not taken twice.
    assert send(replace(second)).status == 401


def test_a_login_in_the_browser_a_refresh_and_a_revocation_are_signed(world, provider):
    world.client("ES256", KEYS["ES256"])
    with Callback() as callback:
        thread = threading.Thread(target=callback.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        pending = world.auth.begin("op", redirect_uri=f"http://127.0.0.1:{callback.server_port}/callback/op")
        provider.play(world.auth.authorization_url(pending))
        callback.shutdown()
        thread.join()
    identity = world.auth.keep(world.auth.redeem(pending, parse_qsl(callback.query)))
    assert (identity.account.subject, identity.refreshable) == ("alice", True)
    before = world.auth.get_identity("op").access_token
    time.sleep(SECONDS)
    assert world.auth.get_identity("op").access_token != before
    revocation = world.auth.delete_identity("op", "me")
    assert (revocation.problem, revocation.not_revoked) == (None, [])
    signed = [request.fields["client_assertion"] for request in world.sent if "client_assertion" in request.fields]
    assert len(signed) == len({assertion.reveal() for assertion in signed}) >= 4
    assert not any("client_secret" in request.fields for request in world.sent)


def test_the_next_key_signs_after_the_switch(world):
    world.client("ES256", KEYS["ES256"], NEXT)
    world.keep()
    world.client("ES256", NEXT)
    assert world.keep().account.subject == "ES256"


def test_a_key_that_is_not_registered_is_the_client_s_fault_and_what_to_check_is_named(world):
    world.client("ES256", new_private_key())
    with pytest.raises(ClientRejected, match="does not accept the client id and its key") as raised:
        world.keep()
    assert raised.value.exit_code == 2
    assert raised.value.hint.endswith("everyauth service key op")


def test_a_client_of_ours_with_a_secret_is_what_it_was(world, provider):
    world.entry("token_params = {}")
    text = (world.directory / "op.toml").read_text().replace("private_key_jwt", "client_secret_basic")
    (world.directory / "op.toml").write_text(text)
    world.auth.clients.set(
        world.auth.catalogue.get("op"), client_id="web", client_secret=Secret(provider.client_secret)
    )
    assert world.keep().account.label == "client web"
