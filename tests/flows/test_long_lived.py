"""A login's token is exchanged at once for one that lives longer, and that one is refreshed by itself."""

from __future__ import annotations

import pytest
from peers.token_server import World, json_response

from everyauth_cli.errors import InvalidGrant, LoginFailed, LoginRequired, ServiceError, ServiceUnreachable
from everyauth_cli.model import Secret

DAY = 24 * 60 * 60_000
ENTRY = """\
authorization_endpoint = "https://meta.example/authorize"
token_endpoint = "https://meta.example/token"
refresh_endpoint = "https://meta.example/refresh"
request_methods = {refresh = "GET", long_lived = "GET"}
refresh_params = {grant_type = "x_refresh_token", access_token = "{token}"}
refresh_token_field = "access_token"
long_lived_endpoint = "https://meta.example/access_token"
long_lived_params = {grant_type = "x_exchange_token", client_secret = "{client_secret}", access_token = "{token}"}
response_at = "data.0"
pkce = false
refresh_margin = 2592000
error_words = {190 = "invalid_grant"}
account_in_response = true
account_subject = ["{user_id}"]
"""
SHORT = json_response({"data": [{"access_token": "short", "user_id": "17", "permissions": "basic"}]})
DEAD = json_response({"error": {"message": "expired", "type": "OAuthException", "code": 190}}, status=400)


def long(name):
    return json_response({"access_token": name, "token_type": "bearer", "expires_in": 60 * 24 * 60 * 60})


@pytest.fixture
def world(tmp_path):
    world = World(tmp_path)
    world.entry("example", ENTRY)
    world.auth.clients.set(world.auth.catalogue.get("example"), client_id="id", client_secret=Secret("s"))
    return world


def log_in(world, *responses):
    world.server.faults = [SHORT, *responses]
    return world.login()


def queries(world):
    return [request.rest.reveal() for request in world.server.requests if request.method == "GET"]


def test_a_login_keeps_the_token_that_lives_longer(world):
    identity = log_in(world, long("long"))
    assert world.token() == "long"
    assert (identity.account.subject, identity.refreshable) == ("17", True)
    assert identity.expires_at == world.clock.now + 60 * DAY
    assert queries(world) == ["?grant_type=x_exchange_token&client_secret=s&access_token=short"]
    native = world.auth.get_identity("example").as_json()["native"]
    assert (native["user_id"], native["expires_in"]) == ("17", 60 * 24 * 60 * 60)
    assert "short" not in str(native)


def test_the_token_is_refreshed_by_itself_half_way(world):
    log_in(world, long("long"))
    world.clock.now += 29 * DAY
    assert world.token() == "long"
    world.clock.now += 2 * DAY
    world.server.faults = [long("longer")]
    assert world.token() == "longer"
    assert queries(world)[1:] == ["?grant_type=x_refresh_token&access_token=long"]
    world.clock.now += 31 * DAY
    world.server.faults = [long("longest")]
    assert world.token() == "longest"
    assert queries(world)[2:] == ["?grant_type=x_refresh_token&access_token=longer"]


def test_a_token_that_cannot_be_refreshed_now_is_used_while_it_lives(world):
    log_in(world, long("long"))
    world.clock.now += 31 * DAY
    world.server.faults = [ServiceUnreachable("down")]
    assert world.token() == "long"
    assert "using the present token" in world.warnings[0]


def test_a_token_that_is_over_needs_a_login(world):
    log_in(world, long("long"))
    world.clock.now += 61 * DAY
    world.server.faults = [DEAD]
    with pytest.raises(LoginRequired, match="190"):
        world.token()
    assert world.auth.find()[0].login_required


@pytest.mark.parametrize(
    ("refusal", "kind"),
    [
        (DEAD, LoginFailed),
        (ServiceUnreachable("down"), ServiceUnreachable),
        (json_response({"access_token": ""}), ServiceError),
        (json_response(b"<html>", content_type="text/html"), ServiceError),
    ],
)
def test_a_login_without_a_token_that_lives_longer_fails(world, refusal, kind):
    with pytest.raises(kind, match="a token that ends soon, and none that lives longer") as caught:
        log_in(world, refusal)
    assert not isinstance(caught.value, InvalidGrant)
    assert "short" not in caught.value.message
    assert world.auth.find() == []


def test_a_token_that_the_service_repeats_is_not_shown(world):
    echo = json_response({"error": {"message": "cannot use brieftoken", "code": 100}}, status=400)
    world.server.faults = [json_response({"access_token": "brieftoken"}), echo]
    with pytest.raises(ServiceError, match="cannot use") as caught:
        world.login()
    assert "brieftoken" not in caught.value.message


def test_an_earlier_login_stays_when_a_later_one_fails(world):
    log_in(world, long("long"))
    with pytest.raises(LoginFailed):
        log_in(world, DEAD)
    assert world.token() == "long"
