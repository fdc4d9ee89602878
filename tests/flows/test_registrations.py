"""Registration at the issuer of a server (RFC 7591): once, for the right scopes, anew when it has ended, or refused."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qs, urlsplit

import pytest
from peers.internet import (
    AS,
    ISSUER,
    METADATA,
    PRM,
    REDIRECT,
    RESOURCE_METADATA,
    URL,
    Internet,
    authorization,
    challenged,
    logged_in,
    token,
    token_requests,
    world_over,
)
from peers.token_server import HOUR, json_response

from everyauth_cli.errors import ClientNotSet, LoginRequired, ServiceError, ServiceUnreachable, ServiceUnreadable
from everyauth_cli.services.rules import DEVICE_CODE


@pytest.fixture
def net():
    return Internet()


@pytest.fixture
def world(tmp_path, net):
    return world_over(net, tmp_path)


@pytest.mark.parametrize("method", ["none", "client_secret_basic", "client_secret_post"])
def test_the_assigned_authentication_is_used(world, net, method):
    net.assigned = {"token_endpoint_auth_method": method, **({} if method == "none" else {"client_secret": "s3"})}
    logged_in(world)
    (request,) = token_requests(net)
    assert (request.basic is not None) == (method == "client_secret_basic")
    assert ("client_secret" in request.fields) == (method == "client_secret_post")


def test_an_expired_registration_is_made_anew_before_the_browser(world, net):
    expires = world.clock.now // 1000 + 60
    net.assigned = {"client_secret": "s", "client_secret_expires_at": expires}
    authorization(world)
    authorization(world)
    assert len(net.registered) == 1
    world.clock.now += 61_000
    assert authorization(world)["client_id"] == "c2"


def test_a_registration_for_other_scopes_is_made_anew(world, net):
    net.posts[URL] = challenged('Bearer scope="a"')
    net.pages[PRM] = json_response({**RESOURCE_METADATA, "scopes_supported": ["a", "b"]})
    assert authorization(world)["scope"] == "a"
    assert net.registered[0]["scope"] == "a b"
    assert authorization(world, scope="a b")["scope"] == "a b"
    assert len(net.registered) == 1
    assert authorization(world, scope="c")["client_id"] == "c2"


def refusal(error, words=""):
    return json_response({"error": error, "error_description": words}, status=400)


def test_a_refused_redirect_uri_is_tried_once_with_the_other_loopback_host(world, net):
    net.refuses = lambda document: refusal("invalid_redirect_uri") if "127" in document["redirect_uris"][0] else None
    service = world.auth.discover(URL)
    assert [document["redirect_uris"][0] for document in net.registered] == [
        REDIRECT,
        REDIRECT.replace("127.0.0.1", "localhost"),
    ]
    assert world.auth.clients.get(service).redirect_uri == REDIRECT.replace("127.0.0.1", "localhost")


def test_a_server_that_registers_nothing_says_why_in_its_own_words(world, net):
    net.refuses = lambda _: refusal("invalid_redirect_uri", "no loopback here")
    with pytest.raises(ServiceError, match="no loopback here") as caught:
        world.auth.discover(URL)
    assert len(net.registered) == 2
    assert URL in caught.value.message
    assert f"everyauth login {URL} --client auth-example" in caught.value.message
    assert caught.value.hint == f"first: everyauth service add auth-example --issuer {ISSUER}"
    net.refuses = lambda _: refusal("access_denied", "by invitation")
    with pytest.raises(ServiceError, match="by invitation"):
        world.auth.discover(URL)
    assert len(net.registered) == 3


def test_a_server_that_registers_no_public_client_is_asked_for_what_it_offers(world, net):
    net.pages[AS] = json_response({**METADATA, "token_endpoint_auth_methods_supported": ["client_secret_post"]})
    net.assigned = {"client_secret": "s"}
    public = "none"
    net.refuses = lambda document: (
        refusal("invalid_client_metadata") if document["token_endpoint_auth_method"] == public else None
    )
    world.auth.discover(URL)
    assert [document["token_endpoint_auth_method"] for document in net.registered] == ["none", "client_secret_post"]


def test_without_registration_the_next_command_is_named(world, net):
    net.pages[AS] = json_response({key: value for key, value in METADATA.items() if key != "registration_endpoint"})
    with pytest.raises(ClientNotSet) as caught:
        world.auth.discover(URL)
    assert ISSUER in caught.value.message
    assert caught.value.hint.endswith(f"everyauth service add auth-example --issuer {ISSUER}")


def test_a_server_that_does_not_speak_of_pkce_is_refused_unless_it_is_assumed(world, net):
    silent = {key: value for key, value in METADATA.items() if "methods" not in key}
    net.pages[AS] = json_response(silent)
    with pytest.raises(ServiceUnreadable) as caught:
        world.auth.discover(URL)
    assert caught.value.missing_option == "--assume-pkce"
    assert not net.registered
    assert authorization(world, assume_pkce=True)["code_challenge_method"] == "S256"
    net.pages[AS] = json_response({**silent, "code_challenge_methods_supported": ["plain"]})
    with pytest.raises(ServiceUnreadable) as caught:
        world.auth.discover(URL)
    assert caught.value.missing_option == ""


def test_many_threads_register_once(world, net):
    with ThreadPoolExecutor(16) as pool:
        barrier = threading.Barrier(16)

        def discover(_):
            barrier.wait()
            return world.another(world.store).discover(URL)

        services = list(pool.map(discover, range(16)))
    assert len(net.registered) == 1
    assert {service.name for service in services} == {URL}


def preflights(net):
    return [request for request in net.requests if request.url.startswith(f"{ISSUER}/authorize?")]


def test_a_registration_that_the_issuer_forgot_is_made_anew_before_the_browser(world, net):
    authorization(world)
    assert not preflights(net)
    net.forgotten.add("c1")
    assert authorization(world)["client_id"] == "c2"
    assert len(preflights(net)) == 1
    assert preflights(net)[0].method == "GET"


@pytest.mark.parametrize("status", [200, 302, 303, 403, 405, 429, 500, 503])
def test_a_registration_is_kept_where_nothing_says_that_it_was_forgotten(world, net, status):
    authorization(world)
    real = net.__class__.__call__

    def send(request):
        if request.url.startswith(f"{ISSUER}/authorize?"):
            return json_response({}, status=status)
        return real(net, request)

    world.server = send
    assert authorization_of(world.another(world.store))["client_id"] == "c1"


def authorization_of(auth):
    service = auth.discover(URL)
    pending = auth.begin(service.name, redirect_uri=REDIRECT)
    return {name: value[0] for name, value in parse_qs(urlsplit(auth.authorization_url(pending)).query).items()}


def test_a_network_that_fails_says_nothing_of_a_registration(world, net):
    authorization(world)

    def send(request):
        if request.url.startswith(f"{ISSUER}/authorize?"):
            raise ServiceUnreachable("no route")
        return net(request)

    world.server = send
    assert authorization_of(world.another(world.store))["client_id"] == "c1"


def test_a_step_up_does_not_ask_first(world, net):
    authorization(world)
    authorization(world, scope="a")
    assert not preflights(net)


def test_a_rejected_client_is_replaced_once(world, net):
    authorization(world)
    assert world.auth.discover(URL, rejected="c1")
    assert len(net.registered) == 2
    assert world.auth.discover(URL, rejected="c1")
    assert len(net.registered) == 2


def test_a_grant_of_a_forgotten_client_keeps_its_own_until_the_next_login(world, net):
    logged_in(world)
    net.forgotten.add("c1")
    world.clock.now += HOUR
    for _ in range(2):
        with pytest.raises(LoginRequired) as caught:
            token(world)
    assert caught.value.hint.endswith(f"everyauth login {URL}")
    assert logged_in(world).client_id == "c2"
    assert token(world)


def test_many_threads_replace_a_forgotten_registration_once(world, net):
    authorization(world)
    net.forgotten.add("c1")
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda _: world.another(world.store).discover(URL), range(16)))
    assert len(net.registered) == 2


def with_device(net, **metadata):
    """A server that says that it has the device authorization grant."""
    net.pages[AS] = json_response({**METADATA, "device_authorization_endpoint": f"{ISSUER}/device", **metadata})


def grants(net):
    return [DEVICE_CODE in document["grant_types"] for document in net.registered]


def test_the_device_grant_is_registered_where_the_server_has_it(world, net):
    with_device(net)
    assert world.auth.discover(URL).device_authorization_endpoint == f"{ISSUER}/device"
    assert grants(net) == [True]


def test_the_device_grant_is_not_registered_where_the_server_states_others_alone(world, net):
    with_device(net, grant_types_supported=["authorization_code"])
    world.auth.discover(URL)
    assert grants(net) == [False]


def test_a_server_that_refuses_the_device_grant_registers_the_client_without_it(world, net):
    with_device(net)
    net.refuses = lambda made: refusal("invalid_client_metadata") if DEVICE_CODE in made["grant_types"] else None
    world.auth.discover(URL)
    assert grants(net) == [True, False]
