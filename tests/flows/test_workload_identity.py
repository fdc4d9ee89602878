"""Logins with the identity token of a job: as the assertion of a grant, or in place of our client's secret."""

import json

import pytest
from peers.token_server import HOUR, World, json_response

from everyauth_cli.errors import ConfigurationProblem, LoginFailed, LoginRequired, UsageProblem
from everyauth_cli.model import Account, Secret
from everyauth_cli.oauth import base64url
from everyauth_cli.oauth.client_assertion import ASSERTION_TYPE
from everyauth_cli.oauth.grant import GrantType, RepeatedGrant


def jwt(**claims):
    parts = [base64url.encode(json.dumps(part).encode()) for part in ({"alg": "ES256"}, claims)]
    return ".".join([*parts, "c2ln"])


FIRST, SECOND = jwt(sub="repo:octo/app:ref:main", jti="1"), jwt(sub="repo:octo/app:ref:main", jti="2")
AGAIN = "everyauth login example --identity-token-from env:WORKLOAD"


@pytest.fixture
def world(tmp_path, monkeypatch):
    monkeypatch.setenv("WORKLOAD", FIRST)
    return World(tmp_path)


def granted(world, **about):
    return world.auth.keep(world.auth.jwt_bearer("example", **{"identity_token_from": "env:WORKLOAD", **about}))


def presented(world, field="assertion"):
    return [request.fields[field].reveal() for request in world.server.requests if field in request.fields]


def test_the_identity_token_is_the_assertion_and_names_the_account(world):
    identity = granted(world)
    assert presented(world) == [FIRST]
    assert identity.account == Account(subject="repo:octo/app:ref:main", label="repo:octo/app:ref:main")
    grant = RepeatedGrant(grant_type=GrantType.JWT_BEARER, scope="", assertion_from="env:WORKLOAD")
    assert (identity.repeated, identity.refreshable, world.token()) == (grant, True, "client-1")


def test_a_client_needs_neither_secret_nor_key_for_it(world):
    world.auth.clients.set(world.auth.catalogue.get("example"), client_secret=Secret(""))
    granted(world)
    assert {name: value for name, value in world.server.requests[0].fields.items() if name != "assertion"} == {
        "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
        "client_id": "id",
    }


def test_a_refresh_presents_the_token_that_is_there_then(world, monkeypatch):
    granted(world, scope="read")
    monkeypatch.setenv("WORKLOAD", SECOND)
    world.clock.now += HOUR
    assert world.token() == "client-2"
    assert presented(world) == [FIRST, SECOND]
    assert [request.fields["scope"] for request in world.server.requests] == ["read", "read"]


def test_none_of_it_is_stored(world):
    granted(world)
    record = world.store.get(world.key())
    assert FIRST not in json.dumps([record.metadata, record.secret.reveal()])


def test_a_job_that_has_none_any_more_keeps_what_is_stored(world, monkeypatch):
    granted(world)
    monkeypatch.delenv("WORKLOAD")
    world.clock.now += HOUR
    with pytest.raises(ConfigurationProblem, match="WORKLOAD is not set"):
        world.token()
    monkeypatch.setenv("WORKLOAD", SECOND)
    assert world.token() == "client-2"


@pytest.mark.parametrize("error", ["invalid_grant", "invalid_scope", "unauthorized_client"])
def test_a_refused_assertion_is_sent_once_and_no_other_grant_is_tried(world, error):
    world.server.faults = [json_response({"error": error}, status=400)]
    with pytest.raises(Exception, match=error):
        granted(world)
    assert len(world.server.requests) == 1
    assert world.auth.find() == []


def test_after_a_refusal_each_call_names_the_login_and_sends_nothing(world):
    granted(world)
    world.clock.now += HOUR
    world.server.faults = [json_response({"error": "invalid_grant"}, status=400)]
    for _ in range(2):
        with pytest.raises(LoginRequired) as raised:
            world.token()
        assert raised.value.hint == AGAIN
    assert presented(world) == [FIRST, FIRST]


def test_one_that_is_given_is_presented_once_and_its_login_is_not_refreshed(world):
    identity = granted(world, identity_token_from="", identity_token=f"{FIRST}\n", user="robot")
    assert (presented(world), identity.refreshable) == ([FIRST], False)
    assert world.token("robot") == "client-1"
    world.clock.now += HOUR
    with pytest.raises(LoginRequired, match="has expired") as raised:
        world.token("robot")
    assert raised.value.hint == "everyauth login example --user robot --identity-token-from -"
    assert len(world.server.requests) == 1


def test_it_takes_the_place_of_the_clients_secret(world, monkeypatch):
    """RFC 7523 section 2.2, which Microsoft and others call a federated credential."""
    world.auth.keep(world.auth.client_credentials("example", identity_token_from="env:WORKLOAD", scope="api"))
    monkeypatch.setenv("WORKLOAD", SECOND)
    world.clock.now += HOUR
    assert world.token() == "client-2"
    assert presented(world, "client_assertion") == [FIRST, SECOND]
    for request in world.server.requests:
        shown = {name: value for name, value in request.fields.items() if name != "client_assertion"}
        assert shown == {
            "grant_type": "client_credentials",
            "scope": "api",
            "client_assertion_type": ASSERTION_TYPE,
            "client_id": "id",
        }
        assert request.basic is None


def test_the_platform_is_asked_for_the_audience_that_the_service_takes_or_the_one_that_is_given(world, monkeypatch):
    monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_URL", "https://pipelines.example.com/token?v=2")
    monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "of the job")
    page = "https://pipelines.example.com/token?v=2&audience="
    ours, given = "https%3A%2F%2Fissuer.example%2Ftoken", "api%3A%2F%2Fexchange"
    world.server.pages = {page + text: json_response({"value": FIRST}) for text in (ours, given)}
    granted(world, identity_token_from="github")
    granted(world, identity_token_from="github", audience="api://exchange")
    world.clock.now += HOUR
    world.token()
    gets = [request.url.removeprefix(page) for request in world.server.requests if request.method == "GET"]
    assert gets == [ours, given, given]


@pytest.mark.parametrize("text", ["", "  ", "a b", "Bearer x"])
def test_a_given_text_that_is_no_token_is_refused(world, text):
    with pytest.raises(ConfigurationProblem, match="nothing was sent"):
        granted(world, identity_token_from="", identity_token=text)
    assert world.server.requests == []


def test_an_unknown_source_is_refused(world):
    with pytest.raises(UsageProblem, match="no place where an identity token is read from"):
        granted(world, identity_token_from="https://example.com/token")
    assert world.server.requests == []


@pytest.mark.parametrize("text", ["opaque", "a.b", "a.!.c", jwt(sub=["x"]), jwt(), jwt(sub="\x1b]0;x")])
def test_a_token_whose_subject_cannot_be_read_is_presented_all_the_same(world, monkeypatch, text):
    monkeypatch.setenv("WORKLOAD", text)
    identity = granted(world)
    assert presented(world) == [text]
    assert identity.account.subject.isprintable()


def test_another_job_is_another_account(world, monkeypatch):
    granted(world)
    monkeypatch.setenv("WORKLOAD", jwt(sub="repo:mallory/app"))
    with pytest.raises(LoginFailed, match="mallory"):
        granted(world)
    assert world.auth.find()[0].account.label == "repo:octo/app:ref:main"
