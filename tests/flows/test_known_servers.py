"""Servers that were found lately: a user who is new there logs in without asking them, and who asks them anew."""

from __future__ import annotations

from dataclasses import replace

import pytest
from peers.internet import (
    AS,
    ISSUER,
    METADATA,
    PRM,
    RESOURCE_METADATA,
    SECOND,
    TOKEN,
    URL,
    Internet,
    logged_in,
    world_over,
)
from peers.token_server import HOUR, json_response

from everyauth_cli.errors import LoginDenied
from everyauth_cli.flows.known_servers import DAY_MS, doubted_on_failure
from everyauth_cli.model import Secret
from everyauth_cli.store.clients import client_key, read_client, registration_key, save_client

DISCOVERY = [URL, PRM, AS]
PREFLIGHT = f"{ISSUER}/authorize"
ENTRY = f'authorization_endpoint = "{PREFLIGHT}"\ntoken_endpoint = "{TOKEN}"\n'
DOCUMENT = "https://me.example/everyauth.json"
OTHER_DOCUMENT = "https://me.example/other.json"


@pytest.fixture
def net():
    return Internet()


@pytest.fixture
def world(tmp_path, net):
    return world_over(net, tmp_path, acme=ENTRY)


@pytest.fixture
def sent(world, net):
    """Return a function that begins a login in another process and returns the URLs of its requests."""

    def before_the_browser(user="b", **how):
        before = len(net.requests)
        world.auth = world.another(world.store)
        service = world.auth.discover(URL, user=user, **how)
        world.auth.begin(service.name, redirect_uri="http://127.0.0.1:28282/callback/x", user=user)
        return [url.partition("?")[0] for url in net.urls[before:]]

    return before_the_browser


def use_document(net):
    net.pages[AS] = json_response({**METADATA, "client_id_metadata_document_supported": True})


def set_client(world):
    world.auth.clients.set(world.auth.catalogue.get("acme"), client_id="ours", client_secret=Secret("our-secret"))


def map_host(world):
    world.entry("acme", ENTRY + 'mcp_hosts."mcp.example" = "https://docs.example/mcp"\n')


def change(world, key, **fields):
    stored = read_client(world.store, key)
    save_client(world.store, key, replace(stored, client=replace(stored.client, **fields)))


def test_another_user_s_login_sends_the_preflight_of_a_registered_client_alone(world, net, sent):
    logged_in(world)
    assert sent() == [PREFLIGHT]
    known = logged_in(world, user="b")
    assert (known.issuer, known.resource, known.client_id) == (ISSUER, URL, "c1")
    net.pages, net.posts = {}, {}
    world.clock.now += HOUR
    assert world.another(world.store).get_identity(URL, "b").access_token
    assert len(net.registered) == 1


@pytest.mark.parametrize("how", [{"client": "acme"}, {"client_id": DOCUMENT}])
def test_another_user_s_login_with_a_client_of_the_user_s_sends_nothing(world, net, sent, how):
    set_client(world)
    use_document(net)
    logged_in(world, **how)
    assert sent() == []
    assert logged_in(world, user="b").client_id == ("ours" if "client" in how else DOCUMENT)


def test_another_user_s_login_with_a_client_of_the_catalogue_s_service_sends_nothing(world, sent):
    map_host(world)
    world.auth = world.another(world.store)
    set_client(world)
    logged_in(world)
    assert sent() == []


def test_a_user_who_is_logged_in_there_asks_anew(world, sent):
    logged_in(world)
    assert sent("me") == [*DISCOVERY, PREFLIGHT]
    assert sent("me", tenant="other") == [PREFLIGHT]


def test_a_server_that_has_moved_is_noticed_by_the_next_login_of_the_same_user(world, net, sent):
    logged_in(world)
    moved = {key: str(METADATA[key]).replace(ISSUER, SECOND) for key in METADATA if "methods" not in key}
    net.pages[PRM] = json_response({**RESOURCE_METADATA, "authorization_servers": [SECOND]})
    net.pages[f"{SECOND}/.well-known/oauth-authorization-server"] = json_response(
        {**moved, "code_challenge_methods_supported": ["S256"]}
    )
    net.posts[f"{SECOND}/register"] = json_response({"client_id": "d1"}, status=201)
    net.posts[f"{SECOND}/token"] = json_response({"access_token": "second", "expires_in": 3600})
    assert logged_in(world).issuer == SECOND
    assert sent()[0] == f"{SECOND}/authorize"


@pytest.mark.parametrize(("later", "anew"), [(DAY_MS - 1, False), (DAY_MS, True), (-1, True)])
def test_a_server_is_asked_anew_after_a_day_however_often_its_record_was_used(world, sent, later, anew):
    logged_in(world)
    world.clock.now += later
    assert sent() == [*(DISCOVERY if anew else []), PREFLIGHT]
    logged_in(world, user="c")
    world.clock.now += 1
    assert sent() == [*([] if anew else DISCOVERY), PREFLIGHT]


def test_a_server_is_asked_anew_once_a_login_has_failed(world, net, sent):
    logged_in(world)
    sent()
    pending = world.auth.begin(URL, redirect_uri="http://127.0.0.1:28282/callback/x", user="b")
    state = ("state", pending.state.reveal())
    with pytest.raises(LoginDenied):
        world.auth.redeem(pending, [("error", "access_denied"), state])
    assert sent() == [PREFLIGHT]
    net.posts[TOKEN] = json_response({"error": "server_error"}, status=500)
    with pytest.raises(Exception, match="500"):
        world.auth.redeem(pending, [("code", "code-alice"), state])
    assert sent() == [*DISCOVERY, PREFLIGHT]
    del net.posts[TOKEN]
    logged_in(world, user="c")
    assert sent() == [PREFLIGHT]


def test_a_login_that_is_interrupted_has_the_server_asked_anew(world, sent):
    logged_in(world)
    with pytest.raises(KeyboardInterrupt), doubted_on_failure(world.store, "default", URL):
        raise KeyboardInterrupt
    assert sent() == [*DISCOVERY, PREFLIGHT]


@pytest.mark.parametrize("how", [{"scope": "a"}, {"assume_pkce": True}, {"rejected": "c1"}, {"client": "acme"}])
def test_a_login_with_options_asks_anew(world, sent, how):
    set_client(world)
    logged_in(world)
    assert sent(**how)[:3] == DISCOVERY


def test_pkce_that_one_user_assumed_is_not_known(world, sent):
    logged_in(world, assume_pkce=True)
    assert sent() == [*DISCOVERY, PREFLIGHT]


def test_a_registration_that_the_issuer_has_forgotten_is_made_anew(world, net, sent):
    logged_in(world)
    net.forgotten.add("c1")
    assert sent()[-1] == f"{ISSUER}/register"
    assert logged_in(world, user="b").client_id == "c2"


def test_a_registration_that_another_server_has_replaced_is_used(world, sent):
    logged_in(world)
    change(world, registration_key("default", ISSUER), client_id="c9")
    assert sent() == [PREFLIGHT]
    assert logged_in(world, user="b").client_id == "c9"


def test_another_client_than_the_record_s_needs_the_metadata(world, net, sent):
    logged_in(world)
    map_host(world)
    set_client(world)
    assert sent() == DISCOVERY


def test_another_document_than_the_record_s_needs_the_metadata(world, net, sent):
    use_document(net)
    logged_in(world, client_id=DOCUMENT)
    world.auth.discover("https://auth.example", client_id=OTHER_DOCUMENT)
    assert sent() == DISCOVERY


def test_a_service_that_is_no_more_needs_the_metadata(world, sent):
    set_client(world)
    logged_in(world, client="acme")
    world.auth.clients.delete("acme")
    with pytest.raises(Exception, match="acme has no client"):
        sent()


def test_a_record_of_an_earlier_version_is_asked_anew(world, sent):
    logged_in(world)
    key = client_key("default", URL)
    server = read_client(world.store, key).client.server
    change(world, key, server={name: server[name] for name in server if name != "found_at"})
    assert sent() == [*DISCOVERY, PREFLIGHT]
