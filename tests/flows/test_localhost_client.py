"""Clients that are registered nowhere: the client id has the redirect URI and the scopes of the login."""

import pytest
from peers.token_server import ENTRY, HOUR, World

from everyauth_cli.errors import LoginFailed, LoginRequired
from everyauth_cli.model import Client
from everyauth_cli.oauth.localhost_client import LOCALHOST, for_login, of_grant
from everyauth_cli.sandbox.pytest_plugin import EveryAuthSandbox
from everyauth_cli.sandbox.server import Sandbox
from everyauth_cli.services.catalogue import Catalogue

LOCAL = ENTRY + 'token_endpoint_auth_method = "none"\nlocalhost_client = true\nscopes = ["atproto", "a:b"]\n'
REVOKES = LOCAL + 'revocation_endpoint = "https://issuer.example/revoke"\n'
PATH = "http%3A%2F%2F127.0.0.1%2Fcallback%2Flocal"
CLIENT_ID = f"{LOCALHOST}?redirect_uri={PATH}&scope=atproto%20a%3Ab"
READER_ID = f"{LOCALHOST}?redirect_uri={PATH}&scope=atproto"
OURS = "http://127.0.0.1:28282/callback/local"


@pytest.fixture
def world(tmp_path):
    world = World(tmp_path)
    world.server.extra = {"id_token": None}
    world.entry("local", REVOKES)
    return world


def log_in(world, **about):
    pending = world.auth.begin("local", redirect_uri=OURS, **about)
    query = [("code", "code-alice"), ("state", pending.state.reveal())]
    return world.auth.keep(world.auth.redeem(pending, query))


def ids(world):
    return [request.fields["client_id"] for request in world.server.requests]


@pytest.mark.parametrize(
    ("redirect_uri", "scope", "client_id"),
    [
        (OURS, "atproto a:b", CLIENT_ID),
        ("http://127.0.0.1/callback/local", "atproto", READER_ID),
        ("http://[::1]:5/x", "", f"{LOCALHOST}?redirect_uri=http%3A%2F%2F%5B%3A%3A1%5D%2Fx"),
    ],
)
def test_the_id_has_the_redirect_uri_without_its_port_and_the_scope(redirect_uri, scope, client_id):
    client = Client(service="local", client_id=LOCALHOST)
    assert for_login(client, redirect_uri=redirect_uri, scope=scope).client_id == client_id


def test_a_registered_client_stays_as_it_is():
    client = Client(service="local", client_id="mine")
    assert for_login(client, redirect_uri=OURS, scope="a") is client
    assert of_grant(client, CLIENT_ID) is client


def test_a_login_needs_no_client_and_each_later_request_names_the_same(world):
    assert log_in(world).client_id == CLIENT_ID
    assert log_in(world, user="reader", scope="atproto").client_id == READER_ID
    world.clock.now += HOUR
    for user in ("me", "reader"):
        assert world.auth.get_identity("local", user).access_token
        assert world.auth.delete_identity("local", user).not_revoked == []
    code, refresh_and_revocation = 1, 3
    of_me, of_reader = [CLIENT_ID], [READER_ID]
    assert ids(world) == [
        *(of_me * code),
        *(of_reader * code),
        *(of_me * refresh_and_revocation),
        *(of_reader * refresh_and_revocation),
    ]


def test_a_client_that_is_set_is_used_instead_and_sends_no_grant_of_the_other(world):
    log_in(world)
    world.auth.clients.set(world.auth.catalogue.get("local"), client_id="https://app.example/client.json")
    assert log_in(world, user="other").client_id == "https://app.example/client.json"
    world.clock.now += HOUR
    with pytest.raises(LoginRequired, match="to another client"):
        world.auth.get_identity("local")


def test_the_client_is_known_before_the_first_login_and_not_stored(world):
    service = world.auth.catalogue.get("local")
    assert world.auth.clients.get(service).client_id == LOCALHOST
    assert world.auth.clients.peek(service)[0].client_id == LOCALHOST
    log_in(world)
    assert world.auth.clients.delete("local") is False


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"sub": None}, "names no account"),
        ({"sub": "alice"}, "names no account"),
        ({"sub": 7}, "names no account"),
        ({"scope": "a:b"}, "does not have the scope atproto"),
        ({"scope": None}, "does not have the scope atproto"),
    ],
)
def test_a_login_of_no_account_is_not_kept(world, fields, problem):
    world.entry("local", LOCAL + 'account_in_response = true\naccount_subject = ["{sub}"]\nquirk = "atproto"\n')
    world.server.extra |= {"sub": "did:plc:alice", "scope": "atproto a:b"}
    assert log_in(world).account.subject == "did:plc:alice"
    world.server.extra |= fields
    with pytest.raises(LoginFailed, match=problem):
        log_in(world, user="other")
    assert [identity.user for identity in world.auth.find(service="local")] == ["me"]


def test_a_login_at_the_sandbox_needs_no_client_either():
    sandbox = EveryAuthSandbox(Sandbox(Catalogue(None), port=None))
    assert sandbox.log_in("bluesky").account is not None
