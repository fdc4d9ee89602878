"""Servers that are known by their URL alone: registration, login, refresh, revocation, and what is never sent where."""

from __future__ import annotations

from dataclasses import replace

import pytest
from peers.internet import (
    AS,
    ISSUER,
    METADATA,
    OTHER,
    OTHER_PRM,
    PRM,
    REDIRECT,
    REGISTER,
    RESOURCE_METADATA,
    SECOND,
    TOKEN,
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

from everyauth_cli.errors import ClientNotSet, LoginFailed, LoginRequired, ServiceError, ServiceUnreadable, UsageProblem
from everyauth_cli.model import Secret
from everyauth_cli.store.clients import registration_key


@pytest.fixture
def net():
    return Internet()


@pytest.fixture
def world(tmp_path, net):
    return world_over(net, tmp_path)


def test_a_login_needs_five_requests_at_most_before_the_browser(world, net):
    parameters = authorization(world)
    assert net.urls == [URL, PRM, AS, REGISTER]
    assert net.registered[0]["redirect_uris"] == [REDIRECT]
    assert (parameters["client_id"], parameters["resource"]) == ("c1", URL)
    assert parameters["code_challenge_method"] == "S256"
    assert "scope" not in parameters


def test_the_grant_and_response_types_are_those_that_were_registered(world, net):
    response_type = authorization(world)["response_type"]
    logged_in(world)
    world.clock.now += HOUR
    token(world)
    assert net.registered[0]["response_types"] == [response_type]
    assert net.registered[0]["grant_types"] == [request.fields["grant_type"] for request in token_requests(net)]


def test_the_resource_is_sent_as_its_metadata_spells_it(world, net):
    spelt = "https://MCP.example:443/mcp/"
    net.pages[PRM] = json_response({**RESOURCE_METADATA, "resource": spelt})
    assert authorization(world)["resource"] == spelt
    identity = logged_in(world)
    assert (identity.issuer, identity.resource) == (ISSUER, spelt)
    world.clock.now += HOUR
    token(world)
    assert [request.fields["resource"] for request in token_requests(net)] == [spelt, spelt]


def test_the_url_is_the_name_of_the_service_everywhere(world):
    identity = logged_in(world, "https://MCP.example:443/mcp")
    assert identity.service == URL
    assert token(world) == "access-2"
    assert token(world, "https://MCP.example/mcp") == "access-2"
    assert world.auth.find_one(service=URL) == identity
    assert world.auth.service_name("https://MCP.example/mcp") == URL
    assert [found.service for found in world.auth.get_identities(URL).items] == [URL]
    assert token(world, OTHER) is None


def test_a_token_is_refreshed_from_what_is_stored_alone(world, net):
    logged_in(world)
    net.pages, net.posts = {}, {}
    restarted = world.another(world.store)
    world.clock.now += HOUR
    before = len(net.requests)
    assert restarted.get_identity(URL).access_token == "access-3"
    (refresh,) = net.requests[before:]
    assert (refresh.url, refresh.fields["client_id"], refresh.fields["resource"]) == (TOKEN, "c1", URL)


def test_a_logout_revokes_at_the_server(world, net):
    logged_in(world)
    revocation = world.auth.delete_identity(URL, "me")
    assert (len(revocation.revoked), revocation.problem) == (2, None)
    assert len(net.tokens.revoked) == 2
    assert world.auth.find() == []


def test_a_registration_serves_every_server_of_its_issuer_and_no_other(world, net):
    net.pages[OTHER_PRM] = json_response({**RESOURCE_METADATA, "resource": OTHER})
    net.posts[OTHER] = challenged()
    logged_in(world)
    logged_in(world, OTHER)
    assert len(net.registered) == 1
    assert [request.fields["resource"] for request in token_requests(net)] == [URL, OTHER]
    assert token(world) != token(world, OTHER)


def test_another_issuer_is_never_sent_the_first_one_s_client_or_tokens(world, net):
    net.assigned = {"token_endpoint_auth_method": "client_secret_post", "client_secret": "first-secret"}
    logged_in(world)
    second = {key: str(value).replace(ISSUER, SECOND) for key, value in METADATA.items() if "methods" not in key}
    net.pages[PRM] = json_response({**RESOURCE_METADATA, "authorization_servers": [SECOND]})
    net.pages[f"{SECOND}/.well-known/oauth-authorization-server"] = json_response(
        {**second, "code_challenge_methods_supported": ["S256"]}
    )
    net.posts[f"{SECOND}/register"] = json_response({"client_id": "d1"}, status=201)
    parameters = authorization(world)
    assert parameters["client_id"] == "d1"
    # The grant that is stored goes on until another is.
    world.clock.now += HOUR
    assert world.another(world.store).get_identity(URL).access_token == "access-3"
    net.posts[f"{SECOND}/token"] = json_response({"access_token": "second", "expires_in": 3600})
    assert logged_in(world).issuer == SECOND
    sent = [str(request.fields) + str(request.basic) for request in net.requests if request.url.startswith(SECOND)]
    assert "c1" not in "".join(sent)
    assert not [url for url in net.urls if url.startswith(SECOND) and "client_id=c1" in url]
    assert not [
        value
        for request in net.requests
        if request.url.startswith(SECOND)
        for value in request.fields.values()
        if isinstance(value, Secret) and value in (Secret("first-secret"), Secret("grant-1.refresh-3"))
    ]
    assert token(world) == "second"


def test_a_grant_of_another_issuer_or_resource_is_sent_nowhere(world, net):
    logged_in(world)
    world.auth.discover(URL)
    for changed in ({"issuer": SECOND}, {"resource": "https://mcp.example"}):
        client = world.auth.clients.get(world.auth.clients.filled(URL))
        server = dict(client.server)
        server["entry"] = {**server["entry"], **{k: v for k, v in changed.items() if k == "issuer"}}
        server |= {k: v for k, v in changed.items() if k == "resource"}
        world.auth.clients.offer(replace(client, server=server, origins={}))
        world.clock.now += HOUR
        before = len(net.requests)
        with pytest.raises(LoginRequired, match="for other endpoints"):
            token(world)
        assert len(net.requests) == before


@pytest.mark.parametrize("listed", [True, False])
def test_offline_access_is_requested_only_where_the_authorization_server_lists_it(world, net, listed):
    scopes = {"scopes_supported": ["offline_access", "x"]} if listed else {}
    net.pages[AS] = json_response({**METADATA, **scopes})
    net.posts[URL] = challenged('Bearer scope="a"')
    parameters = authorization(world)
    assert parameters["scope"] == ("a offline_access" if listed else "a")
    assert parameters.get("prompt") == ("consent" if listed else None)


def test_an_issuer_itself_is_logged_in_at_with_its_account(world, net):
    net.pages[AS] = json_response(
        {**METADATA, "scopes_supported": ["openid", "email"], "userinfo_endpoint": f"{ISSUER}/me"}
    )
    parameters = authorization(world, f"{ISSUER}/")
    assert "resource" not in parameters
    assert parameters["scope"] == "openid email"
    assert "prompt" not in parameters


@pytest.mark.parametrize(
    ("iss", "advertised", "good"),
    [
        (ISSUER, True, True),
        (None, True, False),
        (ISSUER, False, True),
        (None, False, True),
        (f"{ISSUER}/", True, False),
        (f"{ISSUER}/", False, False),
        (ISSUER.upper(), False, False),
        ("", False, False),
        (SECOND, False, False),
    ],
)
@pytest.mark.parametrize("kind", ["code", "error"])
def test_iss_is_compared_before_anything_else_is_believed(world, net, iss, advertised, good, kind):  # noqa: PLR0917
    net.pages[AS] = json_response({**METADATA, "authorization_response_iss_parameter_supported": advertised})
    service = world.auth.discover(URL)
    pending = world.auth.begin(service.name, redirect_uri=REDIRECT)
    responses = {
        "code": [("code", "code-alice")],
        "error": [("error", "evil-error"), ("error_description", "evil words")],
    }
    query = [*responses[kind], ("state", pending.state.reveal()), *([("iss", iss)] if iss is not None else [])]
    if good and kind == "code":
        assert world.auth.redeem(pending, query).issuer == ISSUER
        return
    with pytest.raises((LoginFailed, ServiceError)) as caught:
        world.auth.redeem(pending, query)
    assert ("evil" in caught.value.message) == good
    assert not token_requests(net)


def test_a_token_without_an_end_of_its_own_refresh_is_said_to_end(world, net):
    net.tokens.extra = {"refresh_token": None, "id_token": None}
    identity = logged_in(world)
    assert not identity.refreshable
    assert identity.expires_at == world.clock.now + HOUR


def test_the_scope_that_was_requested_is_recorded_where_the_answer_names_none(world, net):
    net.posts[URL] = challenged('Bearer scope="a b"')
    assert logged_in(world).scope == "a b"
    world.clock.now += HOUR
    token(world)
    assert world.auth.find()[0].scope == "a b"


def test_metadata_of_another_type_than_its_field_s_is_the_server_s_mistake(world, net):
    net.pages[AS] = json_response({**METADATA, "authorization_response_iss_parameter_supported": "true"})
    with pytest.raises(ServiceUnreadable, match="iss_parameter_supported = 'true': must be true or false"):
        world.auth.discover(URL)


def test_a_server_without_a_login_stores_nothing(world, net):
    net.posts[URL], net.pages = json_response({"result": {}}), {}
    assert world.auth.discover(URL) is None
    assert world.auth.find() == []
    assert world.store.get(registration_key("default", ISSUER)) is None


def test_what_is_found_is_stored_only_with_its_login(world):
    world.auth.discover(URL)
    with pytest.raises(ClientNotSet, match="no client at"):
        world.another(world.store).begin(URL, redirect_uri=REDIRECT)


@pytest.mark.parametrize(
    "url",
    [
        "http://mcp.example/mcp",
        "https://me:pw@mcp.example/mcp",
        "https://mcp.example/mcp#top",
        "https://mcp.example:99999/mcp",
        "https://",
        "ftp://mcp.example",
        "https://mcp.example/{x}",
        "https://münchen.example/",
        "https://mcp.example/a b",
    ],
)
def test_a_url_that_cannot_be_used_is_sent_nothing(world, net, url):
    for call in (world.auth.discover, world.auth.get_identity, world.auth.service_name, world.auth.get_identities):
        with pytest.raises(UsageProblem, match="cannot be used"):
            call(url)
    assert net.requests == []


def test_a_server_that_takes_pushed_requests_gets_one(world, net):
    push = f"{ISSUER}/par"
    required = {"pushed_authorization_request_endpoint": push, "require_pushed_authorization_requests": True}
    net.pages[AS] = json_response({**METADATA, **required})
    net.posts[push] = json_response({"request_uri": "urn:example:1", "expires_in": 60}, status=201)
    assert authorization(world) == {"client_id": "c1", "request_uri": "urn:example:1"}
    assert net.urls == [URL, PRM, AS, REGISTER, push]


def test_a_server_that_requires_pushed_requests_and_takes_none_is_refused(world, net):
    net.pages[AS] = json_response({**METADATA, "require_pushed_authorization_requests": True})
    with pytest.raises(ServiceUnreadable, match="needs pushed_authorization_request_endpoint"):
        authorization(world)


def test_a_server_that_needs_bound_tokens_gets_them_and_one_that_only_can_bind_does_not(world, net):
    net.pages[AS] = json_response({**METADATA, "dpop_signing_alg_values_supported": ["none", "EdDSA", "ES256", 7]})
    service = world.auth.discover(URL)
    assert (service.dpop.bound_access_tokens, service.dpop.signing_algs) == (False, ("EdDSA", "ES256"))
    assert world.auth.begin(URL, redirect_uri=REDIRECT).request.proof_key is None
    assert world.auth.begin(URL, redirect_uri=REDIRECT, dpop=True).request.proof_key is not None
    net.pages[PRM] = json_response({**RESOURCE_METADATA, "dpop_bound_access_tokens_required": True})
    assert world.auth.discover(URL, scope="a").dpop.bound_access_tokens
    assert world.auth.begin(URL, redirect_uri=REDIRECT).request.proof_key is not None
