"""Bluesky with its own authorization server, npm's @atproto/oauth-provider: PAR, DPoP and no registered client."""

from __future__ import annotations

import json
import re
import shlex
import sys
from urllib.parse import parse_qsl, urlsplit
from urllib.request import ProxyHandler, build_opener

import httpx
import pytest
from peers.callback import listening
from peers.oidc_provider import started
from peers.sandbox import SEALED

from everyauth_cli.errors import ServiceError
from everyauth_cli.everyauth import EveryAuth
from everyauth_cli.services.catalogue import Catalogue
from everyauth_cli.settings import read_settings
from everyauth_cli.store.from_settings import store_of
from everyauth_cli.store.memory import memory_store
from everyauth_cli.transport import send

pytestmark = pytest.mark.slow

ALICE = "did:plc:aliceaaaaaaaaaaaaaaaaaaa"
SCOPE = "atproto transition:generic"
CLIENT_ID = (
    "http://localhost?redirect_uri=http%3A%2F%2F127.0.0.1%2Fcallback%2Fbluesky&scope=atproto%20transition%3Ageneric"
)
SESSION = "/xrpc/com.atproto.server.getSession"
BROWSER = "import sys, urllib.request; urllib.request.urlopen(sys.argv[1], timeout=30)"


@pytest.fixture(scope="module")
def issuer():
    with started("bluesky", package="@atproto/oauth-provider") as address:
        yield address["issuer"]


def write_entry(directory, issuer):
    """Write the user's own service file, which moves the shipped entry to the server of the test."""
    endpoints = {
        "authorization_endpoint": f"{issuer}/oauth/authorize",
        "token_endpoint": f"{issuer}/oauth/token",
        "pushed_authorization_request_endpoint": f"{issuer}/oauth/par",
        "revocation_endpoint": f"{issuer}/oauth/revoke",
        "issuer": issuer,
    }
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "bluesky.toml").write_text("".join(f"{key} = {json.dumps(url)}\n" for key, url in endpoints.items()))


class World:
    """An EveryAuth with nothing set; `sent` are its requests."""

    def __init__(self, issuer, directory):
        write_entry(directory, issuer)
        self.sent = []
        self.auth = EveryAuth(store=memory_store(), catalogue=Catalogue(directory), send=self._send)

    def _send(self, request):
        self.sent.append(request)
        return send(request)

    def paths(self):
        return [urlsplit(request.url).path for request in self.sent]

    def log_in(self, **about):
        with listening("bluesky") as callback:
            pending = self.auth.begin("bluesky", redirect_uri=callback.uri, **about)
            url = self.auth.authorization_url(pending)
            assert [name for name, _ in parse_qsl(urlsplit(url).query)] == ["client_id", "request_uri"]
            with build_opener(ProxyHandler({})).open(url, timeout=30):
                return self.auth.keep(self.auth.redeem(pending, [*callback.query.items()]))


@pytest.fixture
def world(issuer, tmp_path):
    return World(issuer, tmp_path)


def session(auth, issuer, user="me"):
    """Return what the API answers to a request that is signed for a user."""
    with httpx.Client(auth=auth.httpx_auth("bluesky", user), trust_env=False, timeout=30) as client:
        return client.get(f"{issuer}{SESSION}").raise_for_status().json()


def test_a_login_needs_no_client_and_its_tokens_are_bound_to_a_key(world, issuer):
    identity = world.log_in()
    assert (identity.account.subject, identity.client_id, identity.scope) == (ALICE, CLIENT_ID, SCOPE)
    assert identity.jkt
    # The first push has no nonce yet; the code is then redeemed with the one that the push brought.
    assert world.paths() == ["/oauth/par", "/oauth/par", "/oauth/token"]
    assert "DPoP" in world.sent[0].headers
    assert session(world.auth, issuer) == {"did": ALICE, "scope": SCOPE}


def test_each_refresh_is_of_the_client_that_the_login_had(world, issuer):
    world.log_in()
    world.log_in(user="reader", scope="atproto")
    for _ in range(2):
        assert [outcome.error for outcome in world.auth.refresh_all()] == [None, None]
        assert session(world.auth, issuer, "me") == {"did": ALICE, "scope": SCOPE}
        assert session(world.auth, issuer, "reader") == {"did": ALICE, "scope": "atproto"}
    refreshes = [request.fields for request in world.sent if request.fields.get("grant_type") == "refresh_token"]
    reader = CLIENT_ID.replace("%20transition%3Ageneric", "")
    assert sorted(fields["client_id"] for fields in refreshes) == [reader, reader, CLIENT_ID, CLIENT_ID]


def test_a_logout_revokes_the_tokens(world):
    world.log_in()
    assert world.auth.delete_identity("bluesky", "me").revoked == ["refresh_token", "access_token"]
    assert world.paths()[-1] == "/oauth/revoke"
    assert world.auth.find() == []


def test_a_scope_that_it_does_not_take_is_refused_by_the_push(world):
    with pytest.raises(ServiceError, match=r"the pushed authorization request, which bluesky requires .* invalid_"):
        world.log_in(scope="openid")


def test_the_installed_command_logs_in_with_nothing_set(issuer, everyauth):
    write_entry(everyauth.home / "services", issuer)
    browser = f"{shlex.join([sys.executable, '-c', BROWSER])} %s &"
    done = everyauth("login", "bluesky", env={**SEALED, "BROWSER": browser})
    assert done.code == 0, done
    assert f"Logged in to Bluesky as {ALICE}" in done.err
    settings = read_settings(everyauth.environment(SEALED))
    auth = EveryAuth(store=store_of(settings), catalogue=Catalogue(settings.services_dir), send=send)
    assert session(auth, issuer)["did"] == ALICE
    assert everyauth("identity", "refresh", env=SEALED).code == 0
    assert session(auth, issuer)["did"] == ALICE
    token = everyauth("token", "bluesky", env=SEALED)
    assert (token.out, token.code != 0) == ("", True)
    assert everyauth("logout", "bluesky", env=SEALED).code == 0


def test_nothing_is_set_up_for_it(everyauth):
    done = everyauth("init", "bluesky", env=SEALED)
    assert (done.code, done.out) == (2, "")
    assert "a login needs no registered client" in done.err
    guide = json.loads(everyauth("service", "get", "bluesky", "-o", "json", env=SEALED).out)
    assert guide["setup"][-1] == "everyauth login bluesky"
    assert not re.search("service set", " ".join(guide["setup"]))
