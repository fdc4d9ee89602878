"""Token exchange (RFC 8693): the request, the response, and what becomes of one that goes wrong."""

import httpx
import pytest
from peers.exchanges import API, exchange_world, exchanged, exchanges, token
from peers.stores import secret_text
from peers.token_server import HOUR, MINUTE, TOKEN_EXCHANGE, json_response

from everyauth_cli.errors import LoginRequired, ServiceError, ServiceUnreadable
from everyauth_cli.model import Secret
from everyauth_cli.oauth.grant import GrantType
from everyauth_cli.store.identities import identity_key, read_identity

TYPES = "urn:ietf:params:oauth:token-type:"
AGAIN = "everyauth login api --exchange example"


@pytest.fixture
def world(tmp_path):
    return exchange_world(tmp_path)


def test_the_subject_s_access_token_is_exchanged_at_the_service(world):
    world.login()
    identity = exchanged(world)
    [request] = exchanges(world)
    assert request.url == "https://api.example/token"
    assert request.fields == {
        "grant_type": TOKEN_EXCHANGE,
        "requested_token_type": f"{TYPES}access_token",
        "subject_token": Secret("access-2"),
        "subject_token_type": f"{TYPES}access_token",
        "client_id": "api-id",
        "client_secret": Secret("api-secret"),
    }
    assert token(world) == "exchanged-3"
    assert (identity.user, identity.refreshable, identity.has_refresh_token) == ("me", True, False)
    assert identity.repeated.grant_type is GrantType.TOKEN_EXCHANGE
    assert world.auth.find(service="api") == [identity]


def test_an_audience_a_resource_and_a_scope_are_sent_again_each_time(world):
    world.login()
    exchanged(world, audience="urn:api", resource="https://api.example/v1?x=1", scope="read write")
    world.clock.now += HOUR
    token(world)
    for request in exchanges(world):
        named = {name: request.fields[name] for name in ("audience", "resource", "scope")}
        assert named == {"audience": "urn:api", "resource": "https://api.example/v1?x=1", "scope": "read write"}
        assert "actor_token" not in request.fields
        assert "actor_token_type" not in request.fields
    assert len(exchanges(world)) == 2


@pytest.mark.parametrize("error", ["invalid_request", "invalid_target", "access_denied"])
def test_a_refused_exchange_names_the_command_that_runs_it_and_no_token(world, error):
    world.login()
    exchanged(world, audience="urn:api")
    world.clock.now += HOUR
    refusal = {"error": error, "error_description": "not for access-4 or api-secret"}
    world.server.faults = [_pass(world), json_response(refusal, status=400)]
    with pytest.raises(ServiceError, match=error) as raised:
        token(world)
    assert "access-4" not in str(raised.value)
    assert raised.value.hint == f"{AGAIN} --audience urn:api"


def _pass(world):
    """The response to the refresh of the subject, which comes first."""
    stored = read_identity(world.store, world.key())
    fields = {"access_token": "access-4", "token_type": "bearer", "expires_in": 3600}
    return json_response({**fields, "refresh_token": stored.token.refresh_token.reveal()})


def test_an_invalid_grant_ends_the_exchange_and_leaves_the_subject(world):
    world.login()
    exchanged(world)
    world.clock.now += HOUR
    world.server.faults = [_pass(world), json_response({"error": "invalid_grant"}, status=400)]
    for _ in range(2):
        with pytest.raises(LoginRequired, match='user "me" must log in at api again') as raised:
            token(world)
        assert raised.value.hint == AGAIN
    assert len(exchanges(world)) == 2
    assert world.token() == "access-4"
    exchanged(world)
    assert token(world).startswith("exchanged-")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"issued_token_type": f"{TYPES}id_token"}, 'a token of the type "id_token"; "access_token" was requested'),
        ({"issued_token_type": f"{TYPES}jwt"}, 'a token of the type "jwt"; "access_token" was requested'),
        ({"issued_token_type": None}, "without saying its issued_token_type"),
        ({"issued_token_type": ["access_token"]}, "was requested"),
        ({"token_type": "N_A"}, 'with the token_type "N_A"'),
        ({"token_type": "mac"}, 'with the token_type "mac"'),
        ({"token_type": None}, "with the token_type missing"),
        ({"access_token": None}, "without an access token"),
    ],
)
def test_a_token_other_than_requested_is_refused_and_not_stored(world, fields, words):
    world.login()
    world.server.exchanged = fields
    with pytest.raises(ServiceUnreadable) as raised:
        world.auth.exchange("api", subject="example")
    assert words in raised.value.message
    world.server.exchanged = {}
    exchanged(world)
    world.clock.now += HOUR
    world.server.exchanged = fields
    with pytest.raises(ServiceUnreadable) as raised:
        token(world)
    assert words in raised.value.message
    assert read_identity(world.store, identity_key("default", "api", user="me")).unread is None
    world.server.exchanged = {}
    world.clock.now += MINUTE
    assert token(world).startswith("exchanged-")


def test_bearer_is_bearer_in_any_case(world):
    world.login()
    world.server.exchanged = {"token_type": "bEARER"}
    assert exchanged(world).service == "api"


def test_a_token_that_is_bound_to_a_key_is_dpop_s_and_of_no_other_type(world):
    world.login()
    world.entry("api", f"{API}dpop_bound_access_tokens = true\n")
    world.server.exchanged = {"token_type": "dpop"}
    assert exchanged(world).jkt
    signed = world.auth.httpx_auth("api").sync_auth_flow
    assert next(signed(httpx.Request("GET", "https://api.example/"))).headers["Authorization"] == "DPoP exchanged-3"
    world.clock.now += HOUR
    world.server.exchanged = {"token_type": "Bearer"}
    with pytest.raises(ServiceUnreadable, match='with the token_type "Bearer"'):
        next(signed(httpx.Request("GET", "https://api.example/")))
    world.server.exchanged = {"token_type": "DPoP"}
    world.clock.now += MINUTE
    assert next(signed(httpx.Request("GET", "https://api.example/"))).headers["Authorization"].startswith("DPoP e")


def test_a_refresh_token_or_an_id_token_in_the_response_is_not_stored(world):
    world.login()
    world.server.exchanged = {"refresh_token": "r3fresh", "id_token": "no.id.token"}
    exchanged(world)
    assert "r3fresh" not in secret_text(world.store, identity_key("default", "api", user="me"))
    world.clock.now += HOUR
    assert token(world).startswith("exchanged-")


def test_a_scope_that_was_left_out_is_the_requested_one_and_a_narrower_one_is_named(world):
    world.login()
    assert exchanged(world, scope="read write").scope == "read write"
    world.server.exchanged = {"scope": "read"}
    grant = world.auth.exchange("api", subject="example", scope="read write")
    assert (grant.token.scope, grant.missing_scopes) == ("read", ["write"])
