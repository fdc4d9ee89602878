"""Resource indicators (RFC 8707): the resource is in each request of a login, and in each that follows."""

from urllib.parse import parse_qs, urlsplit

import pytest
from peers.token_server import ENTRY, HOUR, REDIRECT_URI, World, json_response

from everyauth_cli.errors import ServiceError, UsageProblem
from everyauth_cli.oauth.jose import new_private_key

KEY = new_private_key()
RESOURCE = "https://api.example/v1"
AGAIN = "name one as its documentation does: everyauth login example --resource URI"


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


def requested(world):
    return [request.fields.get("resource") for request in world.server.requests]


def authorization(world, **about):
    pending = world.auth.begin("example", redirect_uri=REDIRECT_URI, **about)
    return pending, parse_qs(urlsplit(world.auth.authorization_url(pending)).query)


def test_it_is_in_the_authorization_request_the_token_request_and_each_refresh(world):
    pending, query = authorization(world, resource=RESOURCE)
    assert query["resource"] == [RESOURCE]
    assert pending.request.resource == RESOURCE
    identity = world.login(resource=RESOURCE)
    assert identity.resource == RESOURCE
    world.clock.now += HOUR
    world.token()
    world.clock.now += HOUR
    world.token()
    assert requested(world) == [RESOURCE, RESOURCE, RESOURCE]
    assert world.auth.find()[0].resource == RESOURCE


def test_none_is_requested_unless_it_is_given(world):
    assert "resource" not in authorization(world)[1]
    assert world.login().resource == ""
    world.clock.now += HOUR
    world.token()
    assert requested(world) == [None, None]


@pytest.mark.parametrize("grant", ["client_credentials", "jwt_bearer"])
def test_a_grant_without_a_browser_requests_it_each_time_it_is_run(world, grant):
    world.auth.clients.set(world.auth.catalogue.get("example"), change_keys=lambda _: (KEY,))
    identity = world.auth.keep(getattr(world.auth, grant)("example", resource=RESOURCE))
    world.clock.now += HOUR
    assert (identity.resource, world.token()) == (RESOURCE, "client-2")
    assert requested(world) == [RESOURCE, RESOURCE]


def test_a_login_without_it_replaces_one_with_it(world):
    world.login(resource=RESOURCE)
    assert world.login().resource == ""


def test_it_takes_precedence_over_a_parameter_of_the_entry(world):
    fixed = 'authorization_params = {resource = "https://fixed.example"}\ntoken_params = {resource = "urn:fixed"}\n'
    world.entry("example", ENTRY + fixed)
    assert authorization(world, resource=RESOURCE)[1]["resource"] == [RESOURCE]
    assert authorization(world)[1]["resource"] == ["https://fixed.example"]
    world.login(resource=RESOURCE)
    world.login()
    assert requested(world) == [RESOURCE, "urn:fixed"]


@pytest.mark.parametrize(
    "resource",
    ["https://api.example", "https://api.example/?a=[b]&c='d'", "urn:example:api", "HTTPS://API.example:8443/"],
)
def test_an_absolute_uri_is_a_resource(world, resource):
    assert authorization(world, resource=resource)[1]["resource"] == [resource]


@pytest.mark.parametrize(
    ("resource", "problem"),
    [
        ("https://api.example/v1#part", "it has a fragment"),
        ("https://api.example/v1#", "it has a fragment"),
        ("api.example/v1", "it is no absolute URI"),
        ("/v1", "it is no absolute URI"),
        ("//api.example", "it is no absolute URI"),
        ("https:", "it is no absolute URI"),
        (":api", "it is no absolute URI"),
        ("https://api.example/a b", "it is no absolute URI"),
        ("https://api.example/\n", "it is no absolute URI"),
        ("https://api.exämple/", "it is no absolute URI"),
        ("https://api.example/" + "a" * 2000, "it is no absolute URI"),
    ],
)
def test_anything_else_is_refused_before_anything_is_sent(world, resource, problem):
    for begin in (
        lambda: world.auth.begin("example", redirect_uri=REDIRECT_URI, resource=resource),
        lambda: world.auth.client_credentials("example", resource=resource),
        lambda: world.auth.exchange("example", subject="other", resource=resource),
    ):
        with pytest.raises(UsageProblem, match=problem) as raised:
            begin()
        assert raised.value.hint == "give the URI of the API, such as https://api.example.com/v1"
    assert world.server.requests == []


def test_a_resource_that_the_token_endpoint_refuses_is_named(world):
    world.server.faults = [refusal := json_response({"error": "invalid_target"}, status=400)]
    with pytest.raises(ServiceError) as raised:
        world.login(resource=RESOURCE)
    assert raised.value.message == (f"example answered invalid_target: it issues no token for the resource {RESOURCE}")
    assert (raised.value.hint, raised.value.error) == (AGAIN, "invalid_target")
    world.server.faults = [refusal]
    with pytest.raises(ServiceError, match="it wants to know which resource a token is for") as raised:
        world.login()
    assert raised.value.hint == AGAIN


def test_a_resource_that_the_authorization_endpoint_refuses_is_named(world):
    pending, _ = authorization(world, resource=RESOURCE)
    query = [("error", "invalid_target"), ("error_description", "no such API"), ("state", pending.state.reveal())]
    with pytest.raises(ServiceError) as raised:
        world.auth.redeem(pending, query)
    assert raised.value.message == (
        "example refused the login (invalid_target: no such API): it issues no token for the resource " + RESOURCE
    )
    assert (raised.value.hint, raised.value.error) == (AGAIN, "invalid_target")


def test_a_resource_that_is_refused_at_a_refresh_ends_no_grant(world):
    world.login(resource=RESOURCE)
    world.clock.now += HOUR
    world.server.faults = [json_response({"error": "invalid_target"}, status=400)]
    with pytest.raises(ServiceError, match=f"it issues no token for the resource {RESOURCE}") as raised:
        world.token()
    assert raised.value.hint == "everyauth login example"
    world.clock.now += HOUR
    assert world.token() == "access-3"
