"""A registered client is used only where the catalogue or the user says so, whatever a server says of itself."""

from __future__ import annotations

import pytest
from peers.internet import (
    AS,
    ISSUER,
    METADATA,
    PRM,
    RESOURCE_METADATA,
    TOKEN,
    URL,
    Internet,
    authorization,
    challenged,
    logged_in,
    world_over,
)
from peers.token_server import HOUR, json_response

from everyauth_cli.errors import ClientNotSet, ServiceNotFound, UsageProblem
from everyauth_cli.flows.registrations import document_of
from everyauth_cli.model import Secret
from everyauth_cli.services.redirect_uri import redirect_uri

ENTRY = f"""title = "Acme"
authorization_endpoint = "{ISSUER}/old-authorize"
token_endpoint = "{TOKEN}"
scopes = ["usual"]
"""
MAPPED = ENTRY + 'mcp_hosts."mcp.example" = "https://docs.example/mcp"\n'
WITHOUT_DCR = {key: value for key, value in METADATA.items() if key != "registration_endpoint"}
EVIL = "https://evil.example/mcp"
EVIL_PRM = "https://evil.example/.well-known/oauth-protected-resource/mcp"
DOCUMENT = "https://me.example/everyauth.json"


@pytest.fixture
def net():
    return Internet()


@pytest.fixture
def world(tmp_path, net):
    world = world_over(net, tmp_path)
    net.pages[AS] = json_response(WITHOUT_DCR)
    net.posts[EVIL] = challenged()
    net.pages[EVIL_PRM] = json_response({**RESOURCE_METADATA, "resource": EVIL})
    return world


def acme(world, entry=MAPPED):
    world.entry("acme", entry)
    world.auth = world.another(world.store)
    world.auth.clients.set(world.auth.catalogue.get("acme"), client_id="ours", client_secret=Secret("our-secret"))


def sent_to(net, prefix):
    return [str(request.fields) + str(request.basic) for request in net.requests if request.url.startswith(prefix)]


def test_a_client_is_used_at_a_host_that_the_catalogue_has(world, net):
    acme(world)
    identity = logged_in(world)
    assert (identity.client_id, identity.issuer, identity.resource) == ("ours", ISSUER, URL)
    service = world.auth.clients.filled(URL)
    assert service.authorization_endpoint == METADATA["authorization_endpoint"]
    assert redirect_uri(service, world.auth.clients.get(service)) == "http://127.0.0.1:28282/callback/acme"
    assert service.scopes == ("usual",)
    world.clock.now += HOUR
    assert world.another(world.store).get_identity(URL).access_token == "access-3"
    (_, refresh) = [request for request in net.requests if request.url == TOKEN]
    assert (refresh.fields["client_id"], refresh.fields["resource"]) == ("ours", URL)
    assert not net.registered


@pytest.mark.parametrize(
    ("of_entry", "stated", "method"),
    [("false", ["S256"], "S256"), ("false", None, None), ("true", None, "S256"), ("false", ["plain"], None)],
)
def test_pkce_is_used_where_the_server_or_the_entry_has_it(world, net, of_entry, stated, method):
    acme(world, f"{MAPPED}pkce = {of_entry}\n")
    net.pages[AS] = json_response({**METADATA, "code_challenge_methods_supported": stated})
    assert authorization(world).get("code_challenge_method") == method


def test_scopes_of_the_server_come_before_those_of_the_entry(world, net):
    acme(world)
    net.posts[URL] = challenged('Bearer scope="a"')
    assert logged_in(world).scope == "a"


def test_a_hostile_server_that_names_another_s_authorization_server_gets_nothing(world, net):
    acme(world)
    with pytest.raises(ClientNotSet) as caught:
        world.auth.discover(EVIL)
    assert "acme" in caught.value.message
    assert "evil.example" in caught.value.message
    assert caught.value.hint.endswith(f"everyauth login {EVIL} --client acme")
    assert not sent_to(net, TOKEN)
    net.pages[AS] = json_response(METADATA)
    world.auth.discover(EVIL)
    assert "our" not in str(net.registered)
    assert world.auth.clients.filled(EVIL).client_of is None


def test_a_client_that_the_user_named_is_used_and_remembered(world, net):
    acme(world, ENTRY)
    service = world.auth.discover(URL, client="acme")
    assert service.client_of.name == "acme"
    logged_in(world, client="acme")
    again = world.another(world.store)
    assert again.discover(URL).client_of.name == "acme"
    with pytest.raises(ClientNotSet):
        again.discover(EVIL)
    # Nor is it for another URL of the same origin.
    beside = f"{URL}2"
    net.posts[beside] = challenged()
    net.pages[f"{PRM}2"] = json_response({**RESOURCE_METADATA, "resource": beside})
    with pytest.raises(ClientNotSet, match=r"is not used for mcp\.example"):
        again.discover(beside)


def test_a_mapping_is_not_remembered(world, net):
    acme(world)
    logged_in(world)
    world.entry("acme", ENTRY)
    with pytest.raises(ClientNotSet, match=r"is not used for mcp\.example"):
        world.another(world.store).discover(URL)


@pytest.mark.parametrize("key", ["authorization_endpoint", "token_endpoint"])
def test_a_client_is_used_at_no_other_authorization_server(world, net, key):
    acme(world)
    net.pages[AS] = json_response({**METADATA, key: "https://elsewhere.example/x"})
    assert world.auth.discover(URL).client_of is None
    with pytest.raises(UsageProblem) as caught:
        world.auth.discover(URL, client="acme")
    assert ISSUER in caught.value.message
    assert "acme" in caught.value.message
    assert not sent_to(net, "https://elsewhere.example")


def test_a_client_that_is_named_must_exist(world, net):
    with pytest.raises(ServiceNotFound):
        world.auth.discover(URL, client="nowhere")
    world.entry("acme", ENTRY)
    with pytest.raises(ClientNotSet, match="acme has no client yet"):
        world.another(world.store).discover(URL, client="acme")


def test_a_host_of_a_service_without_a_client_says_how_to_set_one(world):
    world.entry("acme", MAPPED)
    with pytest.raises(ClientNotSet) as caught:
        world.another(world.store).discover(URL)
    assert caught.value.hint == "everyauth init acme"


def test_a_server_of_a_mapped_service_that_registers_clients_needs_none(world, net):
    world.entry("acme", MAPPED)
    net.pages[AS] = json_response(METADATA)
    assert world.another(world.store).discover(URL).client_of is None
    assert len(net.registered) == 1


def test_the_user_s_document_comes_before_registration_and_after_a_registered_client(world, net):
    net.pages[AS] = json_response({**METADATA, "client_id_metadata_document_supported": True})
    assert world.auth.discover(URL, client_id=DOCUMENT)
    identity = logged_in(world, client_id=DOCUMENT)
    assert identity.client_id == DOCUMENT
    assert identity.redirect_uri == "http://127.0.0.1:28282/callback/cimd"
    (request,) = [request for request in net.requests if request.url == TOKEN]
    assert request.fields["client_id"] == DOCUMENT
    assert "client_secret" not in request.fields
    assert not net.registered
    assert logged_in(world).client_id == DOCUMENT
    acme(world)
    assert logged_in(world).client_id == "ours"


def test_a_document_is_no_use_where_it_is_not_taken(world, net):
    net.pages[AS] = json_response(METADATA)
    with pytest.raises(UsageProblem, match="takes no client id metadata document"):
        world.auth.discover(URL, client_id=DOCUMENT)
    assert not net.registered
    net.pages[AS] = json_response({**METADATA, "client_id_metadata_document_supported": "true"})
    with pytest.raises(UsageProblem):
        world.auth.discover(URL, client_id=DOCUMENT)


@pytest.mark.parametrize("url", ["https://me.example", "https://me.example/", "http://127.0.0.1/x", "me.example/x"])
def test_a_document_is_an_https_url_with_a_path(world, net, url):
    with pytest.raises(UsageProblem):
        world.auth.discover(URL, client_id=url)
    assert net.requests == []


def test_the_document_to_host_is_its_own_client_id_and_has_no_secret():
    document = document_of(DOCUMENT)
    assert document["client_id"] == DOCUMENT
    assert document["client_name"] == "everyauth"
    assert document["redirect_uris"] == [
        "http://127.0.0.1:28282/callback/cimd",
        "http://localhost:28282/callback/cimd",
    ]
    assert not [name for name in document if "secret" in name]


def test_at_least_twenty_hosts_are_mapped_each_with_its_source(world):
    services = [world.auth.catalogue.get(name) for name in world.auth.catalogue.names()]
    hosts = {host: source for service in services for host, source in service.mcp_hosts.items()}
    assert len([service for service in services if service.mcp_hosts]) >= 20
    assert all(source.startswith("https://") for source in hosts.values())
    assert all(world.auth.catalogue.at_host(host) is not None for host in hosts)
    assert world.auth.catalogue.at_host("mcp.example") is None
    assert world.auth.catalogue.at_host("slack.com") is None
    assert world.auth.catalogue.at_host("mcp.slack.com.evil.example") is None


@pytest.mark.parametrize(
    "url",
    [
        EVIL,
        "https://mcp.example",
        "https://mcp.example/",
        "https://mcp.example/other",
        "https://mcp.example/mcp2",
        "https://mcp.example/mcp/",
        "https://mcp.example/mcp/deeper",
        "https://mcp.example/mcp/%2e%2e/other",
        "https://mcp.example/MCP",
        "https://mcp.example/mcp?x=1",
        "https://mcp.example:444/mcp",
        "https://mcp.example.evil.example/mcp",
        "https://xn--mcp-example.example/mcp",
        "acme",
    ],
)
def test_a_token_is_for_the_url_of_its_own_server_only(world, url):
    acme(world)
    logged_in(world)
    assert world.auth.get_identity(URL) is not None
    assert world.auth.get_identity(url) is None


@pytest.mark.parametrize(
    "url", ["https://mcp.example./mcp", "https://mcp.example@evil.example/mcp", "https://mcp。example/mcp"]
)
def test_a_url_that_only_looks_like_another_is_none(world, url):
    acme(world)
    logged_in(world)
    with pytest.raises(UsageProblem, match="cannot be used"):
        world.auth.get_identity(url)
