"""Tokens that are bound to a key (DPoP, RFC 9449) at a real authorization server, npm's oidc-provider."""

from __future__ import annotations

import json

import httpx
import pytest
from peers.oidc_provider import SECRET, running
from peers.op_browser import play
from peers.proofs import proof_of
from peers.sandbox import SEALED, use_free_ports

from everyauth_cli.errors import BoundToken
from everyauth_cli.everyauth import EveryAuth
from everyauth_cli.flows.batch import HealthState
from everyauth_cli.flows.freshness import now_ms
from everyauth_cli.flows.proofs import Sender
from everyauth_cli.model import Request, Secret
from everyauth_cli.oauth.jose import new_private_key
from everyauth_cli.oauth.jwk import public_jwks
from everyauth_cli.services.catalogue import Catalogue
from everyauth_cli.store.identities import identity_key, read_identity
from everyauth_cli.store.memory import memory_store
from everyauth_cli.transport import send

pytestmark = pytest.mark.slow

KEY = new_private_key()
CLIENTS = [
    ("none", "native", {}),
    ("client_secret_basic", "web", {"client_secret": Secret(SECRET)}),
    ("private_key_jwt", "signer", {"change_keys": lambda _: (KEY,)}),
]


@pytest.fixture(scope="module")
def provider():
    with running(jwks={"signer": public_jwks([KEY])}, requires_nonce=True, access_token_lifetime=600) as provider:
        yield provider


def entry(provider, auth_method, **more):
    keys = {
        "authorization_endpoint": provider.authorization_endpoint,
        "token_endpoint": provider.token_endpoint,
        "revocation_endpoint": provider.revocation_url,
        "account_endpoint": provider.userinfo_url,
        "issuer": provider.issuer,
        "jwks_uri": f"{provider.issuer}/jwks",
        "token_endpoint_auth_method": auth_method,
        "scopes": ["openid", "api:read"],
        "dpop_bound_access_tokens": True,
        **more,
    }
    lines = [f"{key} = {json.dumps(value)}\n" for key, value in keys.items()]
    return "".join(lines)


class World:
    """An EveryAuth whose service `op` is the provider; `sent` are the requests to it, and `statuses` what came back."""

    def __init__(self, provider, directory, auth_method="none", client_id="native", more=None, **client):
        self.sent, self.statuses, self.ahead = [], [], 0
        (directory / "op.toml").write_text(entry(provider, auth_method, **(more or {})))
        self.auth = EveryAuth(
            store=memory_store(), catalogue=Catalogue(directory), send=self._send, clock=lambda: now_ms() + self.ahead
        )
        self.auth.clients.set(self.auth.catalogue.get("op"), client_id=client_id, **client)

    def _send(self, request):
        self.sent.append(request)
        response = send(request)
        self.statuses.append(response.status)
        return response

    def log_in(self, callback):
        pending = self.auth.begin("op", redirect_uri=callback.uri)
        play(self.auth.authorization_url(pending), user="alice", allow=True)
        return self.auth.keep(self.auth.redeem(pending, [*callback.query.items()]))


@pytest.mark.parametrize("registered", CLIENTS)
def test_a_login_a_refresh_a_check_and_a_logout_are_proven(provider, callback, tmp_path, registered):
    auth_method, client_id, client = registered
    world = World(provider, tmp_path, auth_method, client_id, **client)
    identity = world.log_in(callback)
    assert identity.account.subject == "alice"
    # The first request for a token lacks a nonce; the second has one, and another assertion where it has any.
    assert world.statuses[:2] == [400, 200]
    assert world.auth.check(identity).state is HealthState.WORKS
    (outcome,) = world.auth.refresh_all([identity])
    assert outcome.state is HealthState.REFRESHED, outcome
    with pytest.raises(BoundToken):
        world.auth.get_identity("op")
    assert world.auth.delete_identity("op", "me").revoked == ["refresh_token", "access_token"]
    proven = [request for request in world.sent if "DPoP" in request.headers]
    assert {proof_of(request).jkt for request in proven} == {identity.jkt}
    assert 400 not in world.statuses[2:]


def test_the_api_takes_what_httpx_auth_signs_and_nothing_else(provider, callback, tmp_path):
    world = World(provider, tmp_path)
    world.log_in(callback)
    with httpx.Client(auth=world.auth.httpx_auth("op"), trust_env=False, timeout=60) as client:
        assert [client.get(provider.userinfo_url).json()["sub"] for _ in range(3)] == ["alice"] * 3
        token = client.get(provider.userinfo_url).request.headers["Authorization"].removeprefix("DPoP ")
    for stolen in (f"Bearer {token}", f"DPoP {token}"):
        headers = {"Authorization": stolen}
        assert httpx.get(provider.userinfo_url, headers=headers, trust_env=False).status_code in (400, 401)


def test_a_pushed_request_has_a_proof_too(provider, callback, tmp_path):
    more = {"pushed_authorization_request_endpoint": provider.push_endpoint}
    world = World(provider, tmp_path, more=more)
    assert world.log_in(callback).jkt
    assert [request.url for request in world.sent if "DPoP" in request.headers][:3] == [
        provider.push_endpoint,
        provider.push_endpoint,
        provider.token_endpoint,
    ]
    # The nonce that the push asked for serves for the code, too.
    assert world.statuses[:3] == [400, 201, 200]


def test_a_refresh_token_is_worth_nothing_without_its_key(provider, callback, tmp_path):
    world = World(provider, tmp_path)
    world.log_in(callback)
    token = read_identity(world.auth.store, identity_key("default", "op", user="me")).token
    form = {"grant_type": "refresh_token", "client_id": "native", "refresh_token": token.refresh_token}
    request = Request(url=provider.token_endpoint, fields=form)
    for key, status in ((None, 400), (new_private_key(), 400), (token.proof_key, 200)):
        response = Sender(send, now_ms, key, token.nonces).send(request)
        assert response.status == status, response.body.reveal()


@pytest.fixture
def run(everyauth):
    use_free_ports(everyauth)
    return lambda *line, **env: everyauth(*line, env={**SEALED, **env})


def test_the_installed_command_binds_at_the_url_of_an_issuer(provider, run):
    url = provider.issuer
    done = run("login", url, "--dpop", BROWSER=provider.browser())
    assert done.code == 0, done
    assert f"httpx_auth('{url}')" in done.err
    assert f"everyauth token {url}" not in done.err
    for line in (["token", url], ["identity", "get", url, "me"], ["identity", "get", "me"]):
        refused = run(*line)
        assert (refused.code, refused.out) == (2, "")
        assert "is bound to a key (DPoP) that everyauth keeps" in refused.err
        assert "httpx_auth" in refused.err
    assert json.loads(run("token", url, "-o", "json").err)["error"]["code"] == "bound_token"
    assert run("identity", "check").code == 0
    assert run("identity", "refresh").code == 0
    jkt = json.loads(run("identity", "show", "me", "-o", "json").out)["jkt"]
    assert f"key {jkt} (DPoP)" in run("identity", "show", "me").out
    again = run("login", url, BROWSER=provider.browser())
    assert "Binding the tokens to a key (DPoP), as before" in again.err
    assert json.loads(run("identity", "show", "me", "-o", "json").out)["jkt"] not in ("", jkt)
    assert run("logout", url).code == 0


def test_the_installed_command_binds_nothing_that_it_was_not_asked_to(provider, run):
    done = run("login", provider.issuer, BROWSER=provider.browser())
    assert done.code == 0, done
    assert run("token", provider.issuer).code == 0
