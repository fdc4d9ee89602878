"""Discovery of a server by its URL: what is requested and in which order, and every metadata that is not believed."""

from __future__ import annotations

import pytest
from peers.internet import (
    AS,
    ISSUER,
    METADATA,
    NOT_FOUND,
    PRM,
    RESOURCE_METADATA,
    ROOT_PRM,
    URL,
    Internet,
    challenged,
)
from peers.token_server import json_response

from everyauth_cli.errors import ServiceUnreachable, ServiceUnreadable
from everyauth_cli.model import Response, Secret
from everyauth_cli.oauth.discovery import discovery

OPENID = f"{ISSUER}/.well-known/openid-configuration"
ORIGIN_AS = "https://mcp.example/.well-known/oauth-authorization-server"
OK = json_response({"result": {}})
REFUSED = json_response({"error": {"message": "no session"}}, status=400)


@pytest.fixture
def net():
    return Internet()


def found(net, url=URL, **how):
    steps = discovery(url, **how)
    try:
        request = next(steps)
        while True:
            request = steps.send(net(request))
    except StopIteration as end:
        return end.value


def test_the_metadata_that_the_challenge_names_is_taken_first(net):
    named = "https://mcp.example/elsewhere"
    net.posts[URL] = challenged(f'Basic realm="x", Bearer resource_metadata="{named}", scope="a x"')
    net.pages[named] = json_response({**RESOURCE_METADATA, "scopes_supported": ["a", "b", "c"]})
    discovered = found(net)
    assert net.urls == [URL, named, AS]
    assert [request.method for request in net.requests] == ["POST", "GET", "GET"]
    assert all(request.deadline == 10 for request in net.requests)
    assert (discovered.resource, discovered.issuer) == (URL, ISSUER)
    assert (discovered.scopes, discovered.all_scopes) == (("a", "x"), ("a", "b", "c"))


@pytest.mark.parametrize("first", [challenged("Bearer"), challenged(), OK, NOT_FOUND])
def test_without_a_named_place_the_path_comes_before_the_root(net, first):
    net.posts[URL] = first
    assert found(net).resource == URL
    assert net.urls == [URL, PRM, AS]
    del net.pages[PRM]
    net.pages[ROOT_PRM] = json_response({**RESOURCE_METADATA, "resource": "https://mcp.example"})
    assert found(net).resource == "https://mcp.example"
    assert net.urls[3:] == [URL, PRM, ROOT_PRM, AS]


def test_scopes_of_the_resource_are_those_of_a_challenge_without_any(net):
    net.pages[PRM] = json_response({**RESOURCE_METADATA, "scopes_supported": ["a", 'x"y', "a", 7, "b\n", "c"]})
    assert found(net).scopes == ("a", "c")


@pytest.mark.parametrize("place", [URL, PRM, AS])
@pytest.mark.parametrize("fault", [500, 502, 503, 429])
def test_a_server_that_fails_ends_it(net, place, fault):
    failing = Response(status=fault, content_type="text/html", body=Secret(b"sorry"))
    (net.posts if place == URL else net.pages)[place] = failing
    with pytest.raises(ServiceUnreachable, match=f"HTTP {fault}"):
        found(net)
    assert net.urls[-1] == place


@pytest.mark.parametrize("place", [URL, PRM, AS])
def test_a_network_that_fails_ends_it(net, place):
    (net.posts if place == URL else net.pages)[place] = ServiceUnreachable("no route")
    with pytest.raises(ServiceUnreachable, match="no route"):
        found(net)
    assert net.urls[-1] == place


@pytest.mark.parametrize(
    "metadata",
    [
        b"{",
        b"[]",
        b"{}",
        {"resource": URL},
        {**RESOURCE_METADATA, "authorization_servers": []},
        {**RESOURCE_METADATA, "authorization_servers": ISSUER},
        {**RESOURCE_METADATA, "resource": 7},
        b"[" * 100_000,
    ],
)
def test_malformed_metadata_is_no_reason_to_try_an_older_way(net, metadata):
    net.pages[PRM] = json_response(metadata)
    net.pages[ROOT_PRM] = json_response({**RESOURCE_METADATA, "resource": "https://mcp.example"})
    net.pages[ORIGIN_AS] = json_response({**METADATA, "issuer": "https://mcp.example"})
    with pytest.raises(ServiceUnreadable):
        found(net)
    assert net.urls == [URL, PRM]


@pytest.mark.parametrize("place", [PRM, AS])
def test_a_redirect_is_not_followed(net, place):
    net.pages[place] = Response(status=302, content_type="", body=Secret(b""))
    with pytest.raises(ServiceUnreadable, match="HTTP 302"):
        found(net)
    assert net.urls[-1] == place


def test_a_named_place_without_metadata_is_no_reason_to_look_elsewhere(net):
    net.pages = {ROOT_PRM: net.pages[PRM], AS: net.pages[AS]}
    with pytest.raises(ServiceUnreadable, match="where there is none"):
        found(net)
    assert net.urls == [URL, PRM]


@pytest.mark.parametrize(
    "resource",
    [
        "https://other.example/mcp",
        "https://mcp.example/mcp/deeper",
        "https://mcp.example/mc",
        "http://mcp.example/mcp",
        "https://mcp.example:444/mcp",
        "https://me@mcp.example/mcp",
        "https://mcp.example/mcp#x",
        "https://mcp.example/./mcp",
        "https://mcp.example/mcp?x=1",
        "https://mcp.example/\N{FULLWIDTH LATIN SMALL LETTER M}cp",
        "https://mcp.example/%6dcp",
        "mcp",
        "",
    ],
)
def test_a_resource_that_does_not_cover_the_url_is_refused_with_both_named(net, resource):
    net.pages[PRM] = json_response({**RESOURCE_METADATA, "resource": resource})
    with pytest.raises(ServiceUnreadable) as caught:
        found(net)
    assert f'"{resource}"' in caught.value.message
    assert URL in caught.value.message
    assert net.urls == [URL, PRM]


@pytest.mark.parametrize(
    ("named", "says"),
    [
        ("http://mcp.example/x", "plain http"),
        ("https://me:pw@mcp.example/x", "user name"),
        ("http://127.0.0.1:8080/x", "this machine"),
        ("https://localhost/x", "this machine"),
        ("file:///etc/passwd", "not an https URL"),
        ("https://mcp.example/$(reboot){x}", "braces"),
    ],
)
def test_a_place_that_nothing_may_be_sent_to_is_refused(net, named, says):
    net.posts[URL] = challenged(f'Bearer resource_metadata="{named}"')
    with pytest.raises(ServiceUnreadable, match=says):
        found(net)
    assert net.urls == [URL]
    net.posts[URL] = OK
    net.pages[PRM] = json_response({**RESOURCE_METADATA, "authorization_servers": [named]})
    with pytest.raises(ServiceUnreadable, match=says):
        found(net)
    assert net.urls[1:] == [URL, PRM]


@pytest.mark.parametrize(
    "key",
    [
        "authorization_endpoint",
        "token_endpoint",
        "device_authorization_endpoint",
        "pushed_authorization_request_endpoint",
        "registration_endpoint",
        "revocation_endpoint",
        "jwks_uri",
    ],
)
@pytest.mark.parametrize("value", ["http://auth.example/x", "https://127.0.0.1/x", "javascript:alert(1)", 7])
def test_an_endpoint_that_nothing_may_be_sent_to_is_refused(net, key, value):
    net.pages[AS] = json_response({**METADATA, key: value})
    with pytest.raises(ServiceUnreadable, match=key):
        found(net)


def test_an_issuer_elsewhere_may_not_name_this_machine_for_a_server_on_it(net):
    url = "http://127.0.0.1:9000/mcp"
    net.posts[url] = challenged()
    net.pages["http://127.0.0.1:9000/.well-known/oauth-protected-resource/mcp"] = json_response(
        {"resource": url, "authorization_servers": [ISSUER]}
    )
    assert found(net, url).issuer == ISSUER
    net.pages[AS] = json_response({**METADATA, "token_endpoint": "http://127.0.0.1:631/admin"})
    with pytest.raises(ServiceUnreadable, match="this machine"):
        found(net, url)


def test_a_server_on_this_machine_may_name_this_machine(net):
    url, issuer = "http://127.0.0.1:9000/mcp", "http://localhost:9001"
    net.posts[url] = challenged()
    net.pages["http://127.0.0.1:9000/.well-known/oauth-protected-resource/mcp"] = json_response(
        {"resource": url, "authorization_servers": [issuer]}
    )
    local = {key: str(value).replace(ISSUER, issuer) for key, value in METADATA.items() if "methods" not in key}
    net.pages[f"{issuer}/.well-known/oauth-authorization-server"] = json_response(local)
    assert found(net, url).issuer == issuer


def test_of_several_authorization_servers_one_that_we_know_is_chosen_else_the_first(net):
    other = "https://other.example"
    net.pages[PRM] = json_response({**RESOURCE_METADATA, "authorization_servers": [other, ISSUER]})
    net.pages["https://other.example/.well-known/oauth-authorization-server"] = json_response(
        {**METADATA, "issuer": other}
    )
    assert (found(net).issuer, found(net).other_servers) == (other, (ISSUER,))
    assert (found(net, preferred=[ISSUER]).issuer, found(net, preferred=[ISSUER]).other_servers) == (ISSUER, (other,))


@pytest.mark.parametrize("document", [f"{ISSUER}/t", "https://evil.example", f"{ISSUER}/?", None])
def test_metadata_of_another_issuer_is_refused_with_both_named(net, document):
    net.pages[AS] = json_response({**METADATA, "issuer": document})
    with pytest.raises(ServiceUnreadable) as caught:
        found(net)
    assert f'"{ISSUER}"' in caught.value.message
    assert (f'"{document}"' if document else "none") in caught.value.message


def test_one_slash_is_the_only_difference_and_the_document_s_spelling_counts(net):
    net.pages[AS] = json_response({**METADATA, "issuer": f"{ISSUER}/"})
    assert found(net).issuer == f"{ISSUER}/"
    net.pages[PRM] = json_response({**RESOURCE_METADATA, "authorization_servers": [f"{ISSUER}/t/"]})
    net.pages[f"{ISSUER}/.well-known/oauth-authorization-server/t"] = json_response(
        {**METADATA, "issuer": f"{ISSUER}/t"}
    )
    with pytest.raises(ServiceUnreadable, match="but it names"):
        found(net)


def test_openid_metadata_is_the_second_choice(net):
    net.pages[OPENID] = net.pages.pop(AS)
    assert found(net).issuer == ISSUER
    assert net.urls == [URL, PRM, AS, OPENID]


def test_an_authorization_server_without_metadata_is_refused(net):
    del net.pages[AS]
    with pytest.raises(ServiceUnreadable, match="publishes no metadata"):
        found(net)


def test_without_protected_resource_metadata_the_origin_is_asked(net):
    net.posts[URL] = challenged('Bearer scope="a"')
    net.pages = {ORIGIN_AS: json_response({**METADATA, "issuer": "https://mcp.example/tenant"})}
    discovered = found(net)
    assert net.urls == [URL, PRM, ROOT_PRM, ORIGIN_AS]
    assert (discovered.resource, discovered.scopes, discovered.issuer) == (None, ("a",), "https://mcp.example/tenant")


def test_without_any_metadata_the_default_endpoints_are_assumed(net):
    net.posts[URL], net.pages = challenged(), {}
    discovered = found(net)
    assert discovered.is_assumed
    assert discovered.resource is None
    assert dict(discovered.metadata) == {
        "issuer": "https://mcp.example",
        "authorization_endpoint": "https://mcp.example/authorize",
        "token_endpoint": "https://mcp.example/token",
        "registration_endpoint": "https://mcp.example/register",
    }


def test_the_origin_s_metadata_may_be_of_no_other_origin(net):
    net.posts[URL], net.pages = challenged(), {ORIGIN_AS: json_response(METADATA)}
    with pytest.raises(ServiceUnreadable, match="but it names"):
        found(net)


@pytest.mark.parametrize("first", [NOT_FOUND, OK, Response(status=405, content_type="", body=Secret(b""))])
def test_the_url_may_be_an_issuer_s(net, first):
    net.posts[ISSUER] = first
    discovered = found(net, ISSUER)
    assert discovered.is_issuer
    assert (discovered.resource, discovered.issuer) == (None, ISSUER)
    assert net.urls == [ISSUER, f"{ISSUER}/.well-known/oauth-protected-resource", AS]


def test_a_401_on_get_counts_too(net):
    net.pages[URL] = challenged('Bearer resource_metadata="https://mcp.example/elsewhere"')
    net.pages["https://mcp.example/elsewhere"] = net.pages.pop(PRM)
    net.posts[URL] = Response(status=405, content_type="", body=Secret(b""))
    assert found(net).resource == URL


def test_a_server_that_answers_needs_no_login(net):
    net.posts[URL], net.pages = OK, {}
    assert found(net) is None
    assert [request.method for request in net.requests].count("POST") == 1


class ByMessage(Internet):
    """Answers the message of an MCP client by its method: `posts` has the responses."""

    def __call__(self, request):
        self.posts[URL] = self.posts.get((request.document or {}).get("method"), NOT_FOUND)
        return super().__call__(request)


def test_a_server_of_an_older_revision_needs_no_login_if_it_lets_connect():
    net = ByMessage()
    net.posts, net.pages = {"tools/list": REFUSED, "initialize": OK}, {}
    assert found(net) is None
    net.posts = {"tools/list": REFUSED, "initialize": REFUSED}
    with pytest.raises(ServiceUnreadable, match="HTTP 400"):
        found(net)


def test_a_server_that_lets_every_client_connect_is_asked_for_something():
    net = ByMessage()
    net.posts = {"initialize": OK, "tools/list": challenged(f'Bearer resource_metadata="{PRM}", scope="a"')}
    net.pages[PRM] = json_response({**RESOURCE_METADATA, "scopes_supported": ["b"]})
    assert found(net).scopes == ("a",)
    assert net.urls == [URL, PRM, AS]


@pytest.mark.parametrize("status", [404, 501])
def test_a_url_with_nothing_behind_it_is_an_error(net, status):
    net.posts, net.pages = {URL: Response(status=status, content_type="text/html", body=Secret(b"?"))}, {}
    with pytest.raises(ServiceUnreadable, match=f"HTTP {status}"):
        found(net)


def test_a_page_for_people_is_no_metadata(net):
    net.posts[URL] = challenged()
    net.pages = {
        PRM: Response(status=200, content_type="text/html", body=Secret(b"<html>")),
        ROOT_PRM: json_response({**RESOURCE_METADATA, "resource": "https://mcp.example"}),
        AS: net.pages[AS],
    }
    assert found(net).resource == "https://mcp.example"
