"""The grant by way of an identity provider: both steps at the login and again at each refresh, and nothing stored."""

import base64
import json

import pytest
from peers.stores import secret_text
from peers.token_server import HOUR, MINUTE, TOKEN_EXCHANGE, World, json_response

from everyauth_cli.errors import (
    ConfigurationProblem,
    InvalidGrant,
    LoginRequired,
    ServiceUnreachable,
    ServiceUnreadable,
    UsageProblem,
)
from everyauth_cli.model import Secret
from everyauth_cli.oauth.grant import GIVEN, GrantType
from everyauth_cli.store.identities import identity_key

API = """
authorization_endpoint = "https://api.example/authorize"
token_endpoint = "https://api.example/token"
issuer = "https://api.example"
"""
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
TYPES = "urn:ietf:params:oauth:token-type:"


def part(fields):
    return base64.urlsafe_b64encode(json.dumps(fields).encode()).rstrip(b"=").decode()


def id_jag(number=1, **claims):
    about = {"aud": "https://api.example", "client_id": "api-id", "jti": f"n{number}", **claims}
    return f"{part({'typ': 'oauth-id-jag+jwt'})}.{part(about)}.c2ln"


@pytest.fixture
def world(tmp_path):
    world = World(tmp_path)
    world.entry("api", API)
    world.entry("plain", API.replace('issuer = "https://api.example"\n', ""))
    world.auth = world.another(world.store)
    for name in ("api", "plain"):
        service = world.auth.catalogue.get(name)
        world.auth.clients.set(service, client_id="api-id", client_secret=Secret("api-secret"))
    world.server.exchanged = {"access_token": id_jag(), "token_type": "N_A", "expires_in": 300}
    return world


def logged_in(world, **about):
    return world.auth.keep(world.auth.id_jag("api", idp="example", **about))


def token(world):
    return world.auth.get_identity("api", "me").access_token


def sent(world, grant_type):
    return [request for request in world.server.requests if request.fields["grant_type"] == grant_type]


def test_an_id_token_of_the_subject_s_refresh_becomes_an_assertion_and_that_a_token(world):
    world.login()
    identity = logged_in(world, scope="read")
    [exchange], [bearer] = sent(world, TOKEN_EXCHANGE), sent(world, JWT_BEARER)
    assert exchange.url == "https://issuer.example/token"
    assert exchange.fields["subject_token_type"] == f"{TYPES}id_token"
    assert json.loads(base64.urlsafe_b64decode(exchange.fields["subject_token"].reveal().split(".")[1] + "=="))["sub"]
    assert (exchange.fields["audience"], exchange.fields["scope"]) == ("https://api.example", "read")
    assert bearer.url == "https://api.example/token"
    assert bearer.fields["assertion"].reveal() == id_jag()
    assert bearer.fields["client_id"] == "api-id"
    assert identity.repeated.grant_type is GrantType.ID_JAG
    assert identity.account.subject == "alice"
    assert world.server.refreshes == 1


def test_neither_the_assertion_nor_the_id_token_is_stored_with_the_token(world):
    world.login()
    logged_in(world)
    id_token = sent(world, TOKEN_EXCHANGE)[0].fields["subject_token"].reveal()
    text = secret_text(world.store, identity_key("default", "api", user="me"))
    assert id_jag() not in text
    assert id_token not in text
    assert id_jag() not in secret_text(world.store, world.key())


def test_both_steps_are_run_again_in_place_of_a_refresh(world):
    world.login()
    logged_in(world)
    world.clock.now += HOUR
    world.server.exchanged["access_token"] = id_jag(2)
    token(world)
    assert [request.fields["assertion"].reveal() for request in sent(world, JWT_BEARER)] == [id_jag(), id_jag(2)]
    assert len(sent(world, TOKEN_EXCHANGE)) == 2
    assert world.server.refreshes == 2


def test_a_refusal_of_the_identity_provider_ends_it_and_is_not_tried_again(world):
    world.login()
    logged_in(world)
    world.clock.now += HOUR
    refusal = {"error": "invalid_grant", "error_description": "no, alice"}
    world.server.meanwhile = lambda: world.server.faults.append(json_response(refusal, status=400)) or _stop(world)
    for _ in range(2):
        with pytest.raises(LoginRequired, match='user "me" must log in at api again: example answered') as raised:
            token(world)
        assert raised.value.hint == "everyauth login api --idp example"
    assert (len(sent(world, TOKEN_EXCHANGE)), len(sent(world, JWT_BEARER))) == (2, 1)


def _stop(world):
    world.server.meanwhile = lambda: None


def test_a_refusal_at_the_login_is_sent_once_and_names_no_token(world):
    events = []
    world.auth = world.another(world.store, record=events.append)
    refusal = {"error": "invalid_grant", "error_description": "s3cret.id.token"}
    world.server.faults = [json_response(refusal, status=400)]
    with pytest.raises(InvalidGrant) as raised:
        world.auth.id_jag("api", idp="example", identity_token="s3cret.id.token")
    assert "s3cret" not in str(raised.value)
    assert len(world.server.requests) == 1
    world.server.faults = [
        json_response({**world.server.exchanged, "issued_token_type": f"{TYPES}id-jag"}),
        json_response({"error": "invalid_grant"}, status=400),
    ]
    with pytest.raises(InvalidGrant, match="api answered invalid_grant"):
        world.auth.id_jag("api", idp="example", identity_token="s3cret.id.token")
    assert len(world.server.requests) == 3
    assert [(event.service, event.action, event.outcome) for event in events] == [("api", "login", "failed")] * 2
    assert "s3cret" not in str(events)


def test_a_pause_of_the_identity_provider_is_remembered_and_ends_nothing(world):
    world.login()
    logged_in(world)
    world.clock.now += HOUR
    away = json_response(b"", status=503)
    world.server.meanwhile = lambda: world.server.faults.append(away) or _stop(world)
    with pytest.raises(ServiceUnreachable, match="example answers HTTP 503"):
        token(world)
    count = len(world.server.requests)
    with pytest.raises(ServiceUnreachable):
        token(world)
    assert len(world.server.requests) == count
    world.clock.now += MINUTE
    assert token(world)


def test_an_assertion_for_another_server_goes_nowhere(world):
    world.login()
    world.server.exchanged["access_token"] = id_jag(aud="https://evil.example")
    with pytest.raises(ServiceUnreadable, match="it was not sent to api"):
        world.auth.id_jag("api", idp="example")
    assert sent(world, JWT_BEARER) == []


def test_a_subject_without_a_refresh_token_or_an_id_token_names_the_scopes_to_log_in_with(world):
    world.server.extra = {"refresh_token": None}
    world.login()
    with pytest.raises(LoginRequired, match="has no refresh token, with which a new ID token is got") as raised:
        world.auth.id_jag("api", idp="example")
    assert raised.value.hint == 'everyauth login example --scope "openid offline_access"'
    world.server.extra = {}
    world.login()
    world.server.extra = {"id_token": None}
    with pytest.raises(ServiceUnreadable, match="answered a refresh without an ID token") as raised:
        world.auth.id_jag("api", idp="example")
    assert raised.value.hint == 'everyauth login example --scope "openid"'
    assert sent(world, TOKEN_EXCHANGE) == []


def test_a_subject_that_has_not_logged_in_is_named(world):
    with pytest.raises(LoginRequired) as raised:
        world.auth.id_jag("api", idp="example")
    assert raised.value.hint == "everyauth login example"


def test_an_id_token_that_is_given_needs_no_login_and_cannot_be_presented_again(world):
    identity = logged_in(world, identity_token="gi.v.en")
    assert sent(world, TOKEN_EXCHANGE)[0].fields["subject_token"].reveal() == "gi.v.en"
    assert (identity.repeated.assertion_from, identity.refreshable) == (GIVEN, False)
    world.clock.now += HOUR
    with pytest.raises(LoginRequired) as raised:
        token(world)
    assert "--idp example --identity-token-from -" in raised.value.hint


def test_one_in_a_file_is_read_anew_each_time(world, tmp_path):
    file = tmp_path / "token"
    for text in ("fi.rs.t", "se.con.d"):
        file.write_text(text)
        if text == "fi.rs.t":
            logged_in(world, identity_token_from=f"file:{file}")
        else:
            world.clock.now += HOUR
            token(world)
    presented = [request.fields["subject_token"].reveal() for request in sent(world, TOKEN_EXCHANGE)]
    assert presented == ["fi.rs.t", "se.con.d"]


def test_github_issues_one_for_the_provider_or_for_the_audience_that_is_given(world, monkeypatch):
    issuer = 'issuer = "https://issuer.example"\n'
    world.entry("example", (world.directory / "example.toml").read_text() + issuer)
    world.auth = world.another(world.store)
    monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_URL", "https://pipelines.example.com/token?v=2")
    monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "of the job")
    page = "https://pipelines.example.com/token?v=2&audience="
    usual, given = "https%3A%2F%2Fissuer.example", "api%3A%2F%2Fcorp"
    world.server.pages = {page + text: json_response({"value": "fi.rs.t"}) for text in (usual, given)}
    logged_in(world, identity_token_from="github")
    logged_in(world, identity_token_from="github", audience="api://corp")
    world.clock.now += HOUR
    token(world)
    gets = [request.url.removeprefix(page) for request in world.server.requests if request.method == "GET"]
    assert gets == [usual, given, given]


def test_a_service_without_an_issuer_cannot_be_named_to_the_provider(world):
    world.login()
    with pytest.raises(ConfigurationProblem, match="plain has no issuer"):
        world.auth.id_jag("plain", idp="example")


def test_the_provider_s_own_login_is_not_got_by_way_of_itself(world):
    world.entry("example", (world.directory / "example.toml").read_text() + 'issuer = "https://issuer.example"\n')
    world.auth = world.another(world.store)
    world.login()
    with pytest.raises(UsageProblem, match="without end"):
        world.auth.id_jag("example", idp="example")
