"""The JWT bearer grant at a real authorization server, which verifies it with the client's key."""

from __future__ import annotations

import json
import time

import pytest
from peers.oidc_provider import running
from peers.sandbox import SEALED

from everyauth_cli.errors import ClientRejected
from everyauth_cli.everyauth import EveryAuth
from everyauth_cli.model import Request, Secret
from everyauth_cli.oauth.jose import new_private_key
from everyauth_cli.oauth.jwk import public_jwks
from everyauth_cli.services.catalogue import Catalogue
from everyauth_cli.store.memory import memory_store
from everyauth_cli.transport import send

pytestmark = pytest.mark.slow

KEYS = {name: new_private_key([name]) for name in ("ES256", "RS256", "PS256", "EdDSA")}
SECONDS = 2


@pytest.fixture(scope="module")
def provider():
    with running(access_token_lifetime=SECONDS, jwks={name: public_jwks([key]) for name, key in KEYS.items()}) as found:
        yield found


def entry(provider, *more):
    lines = (
        f'authorization_endpoint = "{provider.authorization_endpoint}"',
        f'token_endpoint = "{provider.token_endpoint}"',
        f'issuer = "{provider.issuer}"',
        'token_endpoint_auth_method = "private_key_jwt"',
    )
    return "\n".join((*lines, *more))


class World:
    """An EveryAuth whose service `op` is the provider; `sent` are the requests to it, `behind` the clock's fault."""

    def __init__(self, provider, directory):
        self.provider, self.directory, self.sent, self.behind = provider, directory, [], 0
        (directory / "op.toml").write_text(entry(provider))
        self.auth = EveryAuth(store=memory_store(), catalogue=Catalogue(directory), send=self._send, clock=self._now)
        self.client("ES256")

    def _now(self):
        return time.time_ns() // 1_000_000 - self.behind

    def _send(self, request):
        self.sent.append(request)
        return send(request)

    def client(self, name, key=None):
        keys = (key or KEYS[name],)
        self.auth.clients.set(self.auth.catalogue.get("op"), client_id=name, change_keys=lambda _: keys)

    def log_in(self, **about):
        return self.auth.keep(self.auth.jwt_bearer("op", subject="alice", scope="openid email", **about))

    def user(self):
        request = Request(
            url=self.provider.userinfo_url, method="GET", bearer=Secret(self.auth.get_identity("op").access_token)
        )
        return json.loads(send(request).body.reveal())["sub"]


@pytest.fixture
def world(provider, tmp_path):
    return World(provider, tmp_path)


@pytest.mark.parametrize("name", KEYS)
@pytest.mark.parametrize("audience", ["issuer", "token_endpoint"])
def test_each_kind_of_key_signs_for_a_user(world, provider, name, audience):
    text = entry(
        provider,
        f'client_assertion_audience = "{audience}"',
        f'token_endpoint_auth_signing_alg_values_supported = ["{name}"]',
    )
    (world.directory / "op.toml").write_text(text)
    world.client(name)
    identity = world.log_in()
    assert (identity.account.subject, identity.scope) == ("alice", "openid email")
    assert world.user() == "alice"


def test_the_grant_is_run_again_with_a_new_assertion_and_an_old_one_is_refused(world):
    world.log_in()
    before = world.auth.get_identity("op").access_token
    time.sleep(SECONDS)
    assert world.auth.get_identity("op").access_token != before
    assert world.user() == "alice"
    first, second = (request.fields["assertion"].reveal() for request in world.sent[:2])
    assert first != second
    response = send(world.sent[1])
    assert response.status >= 400


def test_a_clock_that_is_behind_is_named_and_nothing_is_tried_again(world):
    world.behind = 600_000
    with pytest.raises(ClientRejected, match="10 minutes behind op's") as raised:
        world.log_in()
    assert "set the clock of this machine" in raised.value.hint
    assert len(world.sent) == 1
    assert world.auth.find() == []


def test_the_installed_command_logs_in_without_a_browser(everyauth, provider, tmp_path):
    plain = everyauth.environment
    everyauth.environment = lambda extra=None: plain({**SEALED, **(extra or {})})
    services = everyauth.home / "services"
    services.mkdir(parents=True, exist_ok=True)
    (services / "op.toml").write_text(entry(provider))
    key = tmp_path / "key.json"
    key.write_text(KEYS["ES256"].reveal())
    done = everyauth("service", "set", "op", "--client-id", "ES256", "--private-key", str(key))
    assert done.code == 0, done
    login = ("login", "op", "--jwt-bearer", "--subject", "alice", "--scope", "openid")
    done = everyauth(*login, "-o", "json")
    assert done.code == 0, done
    identity = json.loads(done.out)
    assert (identity["account"]["label"], identity["refreshable"]) == ("alice", True)
    first = everyauth("token", "op").out
    time.sleep(SECONDS)
    assert everyauth("token", "op").out not in (first, "")
    for line, says in (
        (("login", "op", "--subject", "alice"), "--subject is for --jwt-bearer"),
        (("login", "op", "--jwt-bearer", "--client-credentials"), "different grants"),
    ):
        done = everyauth(*line)
        assert (done.code, done.out) == (2, "")
        assert says in done.err
