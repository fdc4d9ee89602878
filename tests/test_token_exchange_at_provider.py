"""Token exchange and ID-JAGs at a real authorization server, npm's oidc-provider, whose grant is the tests' own."""

from __future__ import annotations

import base64
import json

import httpx
import pytest
from peers.oidc_provider import SECRET, running
from peers.op_browser import play
from peers.token_server import json_response

from everyauth_cli.errors import ServiceError
from everyauth_cli.everyauth import EveryAuth
from everyauth_cli.flows.freshness import now_ms
from everyauth_cli.model import Secret
from everyauth_cli.services.catalogue import Catalogue
from everyauth_cli.store.memory import memory_store
from everyauth_cli.transport import send

pytestmark = pytest.mark.slow

API = """
authorization_endpoint = "https://api.example/authorize"
token_endpoint = "https://api.example/token"
issuer = "https://api.example"
"""
LATER_MS = 3600 * 1000


@pytest.fixture(scope="module")
def provider():
    with running() as provider:
        yield provider


class World:
    """An EveryAuth whose services `corp` and `web` are clients of the provider, and `api` a function of the test's."""

    def __init__(self, provider, directory):
        self.provider, self.ahead, self.assertions = provider, 0, []
        keys = {
            "authorization_endpoint": provider.authorization_endpoint,
            "token_endpoint": provider.token_endpoint,
            "issuer": provider.issuer,
            "jwks_uri": f"{provider.issuer}/jwks",
            "scopes": ["openid", "email"],
        }
        for name, auth_method in {"corp": "none", "web": "client_secret_basic"}.items():
            entry = {**keys, "token_endpoint_auth_method": auth_method}
            text = "".join(f"{key} = {json.dumps(value)}\n" for key, value in entry.items())
            (directory / f"{name}.toml").write_text(text)
        (directory / "api.toml").write_text(API)
        self.auth = EveryAuth(
            store=memory_store(), catalogue=Catalogue(directory), send=self._send, clock=lambda: now_ms() + self.ahead
        )
        known = {"corp": ("native", None), "web": ("web", Secret(SECRET)), "api": ("api-client", Secret("s"))}
        for name, (client_id, secret) in known.items():
            self.auth.clients.set(self.auth.catalogue.get(name), client_id=client_id, client_secret=secret)

    def _send(self, request):
        if not request.url.startswith("https://api.example"):
            return send(request)
        self.assertions.append(request.fields["assertion"].reveal())
        return json_response({"access_token": f"api-{len(self.assertions)}", "token_type": "Bearer", "expires_in": 60})

    def log_in(self, callback):
        pending = self.auth.begin("corp", redirect_uri=callback.uri)
        play(self.auth.authorization_url(pending), user="alice", allow=True)
        return self.auth.keep(self.auth.redeem(pending, [*callback.query.items()]))

    def user_of(self, token):
        with httpx.Client(trust_env=False) as client:
            response = client.get(self.provider.userinfo_url, headers={"Authorization": f"Bearer {token}"})
        return response.json().get("sub")


@pytest.fixture
def world(provider, tmp_path):
    return World(provider, tmp_path)


def test_the_exchanged_token_is_the_user_s_and_so_is_the_next_one(world, callback):
    world.log_in(callback)
    assert world.auth.keep(world.auth.exchange("web", subject="corp")).account.subject == "alice"
    first = world.auth.get_identity("web", "me").access_token
    world.ahead = LATER_MS
    second = world.auth.get_identity("web", "me").access_token
    assert first != second
    assert [world.user_of(token) for token in (first, second)] == ["alice", "alice"]


def test_a_subject_token_that_the_server_does_not_know_is_refused(world, callback):
    world.log_in(callback)
    token = world.auth.get_identity("corp", "me").access_token
    with httpx.Client(trust_env=False) as client:
        client.post(world.provider.revocation_url, data={"token": token, "client_id": "native"})
    with pytest.raises(ServiceError, match="invalid_request") as raised:
        world.auth.exchange("web", subject="corp")
    assert token not in str(raised.value)


def test_the_id_token_of_a_refresh_becomes_an_assertion_for_another_server(world, callback):
    world.log_in(callback)
    world.auth.keep(world.auth.id_jag("api", idp="corp"))
    world.ahead = LATER_MS
    assert world.auth.get_identity("api", "me").access_token == "api-2"
    first, second = (json.loads(base64.urlsafe_b64decode(text.split(".")[1] + "==")) for text in world.assertions)
    assert (first["sub"], first["aud"], first["client_id"]) == ("alice", "https://api.example", "api-client")
    assert first["jti"] != second["jti"]
