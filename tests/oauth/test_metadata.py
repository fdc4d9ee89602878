"""Authorization server metadata: where it is looked for, whose it must be, and the entry that it makes."""

from __future__ import annotations

import json

import pytest
from peers.token_server import json_response

from everyauth_cli.errors import ServiceUnreachable, ServiceUnreadable, UsageProblem
from everyauth_cli.flows.discover import discover
from everyauth_cli.model import Response, Secret
from everyauth_cli.oauth.metadata import check_pkce, entry_of, metadata_requests, read_metadata

ISSUER = "https://auth.example"
METADATA = {
    "issuer": ISSUER,
    "authorization_endpoint": f"{ISSUER}/auth",
    "token_endpoint": f"{ISSUER}/token",
}
NOT_FOUND = Response(status=404, content_type="text/html", body=Secret(b"no"))


@pytest.mark.parametrize(
    ("issuer", "expected"),
    [
        (
            ISSUER,
            ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"],
        ),
        (
            f"{ISSUER}/",
            ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"],
        ),
        (
            f"{ISSUER}/t/1",
            [
                "/.well-known/oauth-authorization-server/t/1",
                "/.well-known/openid-configuration/t/1",
                "/t/1/.well-known/openid-configuration",
            ],
        ),
    ],
)
def test_metadata_is_looked_for_at_the_well_known_places_in_order(issuer, expected):
    assert [request.url for request in metadata_requests(issuer)] == [ISSUER + place for place in expected]
    assert {request.method for request in metadata_requests(issuer)} == {"GET"}


@pytest.mark.parametrize("issuer", ["http://auth.example", "auth.example", "https://user@auth.example", "https://a/#b"])
def test_an_issuer_that_is_no_safe_url_is_sent_nothing(issuer):
    with pytest.raises(UsageProblem, match="cannot be used"):
        discover(issuer, lambda request: pytest.fail(request.url))


def test_the_first_place_that_has_metadata_is_taken():
    places = []

    def send(request):
        places.append(request.url)
        return json_response(METADATA) if len(places) == 2 else NOT_FOUND

    assert discover(ISSUER, send)["token_endpoint"] == f"{ISSUER}/token"
    assert len(places) == 2


def test_a_server_without_metadata_is_an_error_with_the_way_out():
    with pytest.raises(ServiceUnreadable, match="publishes no metadata") as caught:
        discover(ISSUER, lambda _: NOT_FOUND)
    assert "--authorize-url URL --token-url URL" in caught.value.hint


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_server_that_fails_is_tried_at_no_other_place(status):
    places = []

    def send(request):
        places.append(request.url)
        return Response(status=status, content_type="", body=Secret(b""))

    with pytest.raises(ServiceUnreachable):
        discover(ISSUER, send)
    assert len(places) == 1


@pytest.mark.parametrize(
    ("issuer", "named"),
    [
        (ISSUER, "https://evil.example"),
        (ISSUER, None),
        (ISSUER, f"{ISSUER}/t"),
        (f"{ISSUER}/t", f"{ISSUER}/t/"),
        (ISSUER, "https://AUTH.example"),
        (ISSUER, ["https://auth.example"]),
        (ISSUER, "https://auth.exampl\N{FULLWIDTH LATIN SMALL LETTER E}"),
        (ISSUER, "https%3A%2F%2Fauth.example"),
        (f"{ISSUER}/t", f"{ISSUER}/%74"),
    ],
)
def test_metadata_of_another_issuer_is_refused(issuer, named):
    with pytest.raises(ServiceUnreadable, match="but it names"):
        read_metadata(issuer, json_response({**METADATA, "issuer": named}))


@pytest.mark.parametrize(("issuer", "named"), [(ISSUER, f"{ISSUER}/"), (f"{ISSUER}/", ISSUER)])
def test_one_slash_behind_an_issuer_without_a_path_is_no_difference(issuer, named):
    found = read_metadata(issuer, json_response({**METADATA, "issuer": named}))
    assert entry_of(found)["issuer"] == named


def test_an_issuer_is_compared_without_the_escapes_of_its_json():
    escaped = json.dumps({**METADATA, "issuer": "X"}).replace('"X"', r'"https:\/\/auth\u002eexample"').encode()
    assert read_metadata(ISSUER, json_response(escaped))["issuer"] == ISSUER


@pytest.mark.parametrize("redirect", [301, 302, 307])
def test_a_redirect_is_not_followed(redirect):
    with pytest.raises(ServiceUnreadable, match=f"HTTP {redirect}"):
        read_metadata(ISSUER, Response(status=redirect, content_type="", body=Secret(b"")))


@pytest.mark.parametrize("body", [b"[]", b"<html>", b"", json.dumps([METADATA]).encode()])
def test_what_is_no_metadata_is_refused(body):
    with pytest.raises(ServiceUnreadable, match="not a JSON object"):
        read_metadata(ISSUER, Response(status=200, content_type="application/json", body=Secret(body)))


def test_an_endpoint_that_is_missing_is_named():
    with pytest.raises(ServiceUnreadable, match="has no token_endpoint"):
        read_metadata(ISSUER, json_response({**METADATA, "token_endpoint": None}))


@pytest.mark.parametrize(
    ("more", "keys"),
    [
        ({}, {"token_endpoint_auth_method": "client_secret_basic"}),
        (
            {"token_endpoint_auth_methods_supported": ["none", "client_secret_post"]},
            {"token_endpoint_auth_method": "client_secret_post"},
        ),
        ({"token_endpoint_auth_methods_supported": ["none"]}, {"token_endpoint_auth_method": "none"}),
        (
            {"token_endpoint_auth_methods_supported": ["tls_client_auth"]},
            {"token_endpoint_auth_method": "client_secret_basic"},
        ),
        (
            {
                "token_endpoint_auth_methods_supported": ["private_key_jwt"],
                "token_endpoint_auth_signing_alg_values_supported": ["PS256", "HS256", "none", "ES256"],
            },
            {
                "token_endpoint_auth_method": "private_key_jwt",
                "token_endpoint_auth_signing_alg_values_supported": ["PS256", "ES256"],
            },
        ),
        (
            {"revocation_endpoint": f"{ISSUER}/r", "revocation_endpoint_auth_methods_supported": ["none"]},
            {"revocation_endpoint": f"{ISSUER}/r", "revocation_endpoint_auth_method": "none"},
        ),
        ({"scopes_supported": ["read"], "userinfo_endpoint": f"{ISSUER}/me"}, {}),
        (
            {"scopes_supported": ["email", "openid", "offline_access"], "userinfo_endpoint": f"{ISSUER}/me"},
            {"scopes": ["openid", "email", "offline_access"], "userinfo_endpoint": f"{ISSUER}/me"},
        ),
        ({"code_challenge_methods_supported": ["plain"]}, {"pkce": False}),
        ({"code_challenge_methods_supported": ["plain", "S256"]}, {}),
        ({"service_documentation": f"{ISSUER}/docs"}, {"docs": f"{ISSUER}/docs"}),
        ({"service_documentation": "http://docs.example"}, {}),
        ({"service_documentation": "/docs"}, {}),
        ({"service_documentation": 7}, {}),
        (
            {"grant_types_supported": ["authorization_code", "\x1b[2J", "a b"]},
            {"grant_types_supported": ["authorization_code"]},
        ),
        ({"jwks_uri": 5, "revocation_endpoint": None, "scopes_supported": "openid"}, {}),
    ],
)
def test_metadata_becomes_the_keys_of_an_entry(more, keys):
    base = {**METADATA, "token_endpoint_auth_method": "client_secret_basic"}
    assert entry_of({**METADATA, **more}) == {**base, **keys}


@pytest.mark.parametrize("methods", [["plain"], [], "S256", {}])
def test_a_server_that_lacks_s256_is_refused(methods):
    with pytest.raises(ServiceUnreadable, match="does not support PKCE"):
        check_pkce({**METADATA, "code_challenge_methods_supported": methods})


def test_a_server_that_says_nothing_of_pkce_is_refused():
    check_pkce({"issuer": ISSUER, "code_challenge_methods_supported": ["S256"]})
    with pytest.raises(ServiceUnreadable, match="does not say"):
        check_pkce({"issuer": ISSUER})
