"""Dynamic client registration (RFC 7591): what is asked for, and what the response says of the client."""

from __future__ import annotations

import pytest
from peers.token_server import json_response

from everyauth_cli.errors import ServiceError, ServiceUnreachable, ServiceUnreadable
from everyauth_cli.model import Secret
from everyauth_cli.oauth.registration import read_registration, registration_request
from everyauth_cli.services.rules import DEVICE_CODE, ClientAuthMethod

ISSUER = "https://auth.example"
URI = "http://127.0.0.1:28282/callback/x"


def read(response):
    return read_registration(ISSUER, response, redirect_uri=URI)


def test_a_native_public_client_is_asked_for():
    request = registration_request(f"{ISSUER}/r", redirect_uri=URI, scopes=["a", "b"], method=ClientAuthMethod.NONE)
    assert request.document == {
        "application_type": "native",
        "client_name": "everyauth",
        "redirect_uris": [URI],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
        "scope": "a b",
    }
    with_device = registration_request(
        f"{ISSUER}/r", redirect_uri=URI, scopes=[], method=ClientAuthMethod.NONE, device=True
    )
    assert with_device.document["grant_types"] == ["authorization_code", "refresh_token", DEVICE_CODE]
    without = registration_request(f"{ISSUER}/r", redirect_uri=URI, scopes=[], method=ClientAuthMethod.NONE)
    assert "scope" not in (without.document or {})


@pytest.mark.parametrize(
    ("fields", "method", "secret"),
    [
        ({}, ClientAuthMethod.NONE, None),
        ({"token_endpoint_auth_method": "none", "client_secret": "s"}, ClientAuthMethod.NONE, Secret("s")),
        ({"client_secret": "s"}, ClientAuthMethod.CLIENT_SECRET_BASIC, Secret("s")),
        (
            {"client_secret": "s", "token_endpoint_auth_method": "client_secret_post"},
            ClientAuthMethod.CLIENT_SECRET_POST,
            Secret("s"),
        ),
    ],
)
@pytest.mark.parametrize("status", [200, 201])
def test_what_the_response_says_counts(fields, method, secret, status):
    found = read(json_response({"client_id": "c", **fields}, status=status))
    assert (found.client_id, found.method, found.client_secret) == ("c", method, secret)


@pytest.mark.parametrize(("stated", "expected"), [(0, 0), (5, 5), (None, 0), ("5", 0), (-1, 0), (True, 0)])
def test_the_secret_ends_when_the_response_says(stated, expected):
    response = json_response({"client_id": "c", "client_secret": "s", "client_secret_expires_at": stated})
    assert read(response).secret_expires_at == expected


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({}, "without a client_id"),
        ({"client_id": 7}, "without a client_id"),
        ({"client_id": "c\n\x1b[2J"}, "a client_id that is none"),
        ({"client_id": "c" * 10_001}, "a client_id that is none"),
        ({"client_id": "c", "client_secret": "s\r\nX: y"}, "a client_secret that is none"),
        ({"client_id": "c", "token_endpoint_auth_method": "private_key_jwt"}, "for private_key_jwt"),
        ({"client_id": "c", "token_endpoint_auth_method": "client_secret_basic"}, "gave it no secret"),
    ],
)
def test_a_client_that_cannot_be_used_is_refused(fields, says):
    with pytest.raises(ServiceUnreadable, match=says):
        read(json_response(fields))


def test_a_refusal_has_the_server_s_words_and_code():
    # The last member is none that RFC 7591 knows.
    body = {"error": "invalid_redirect_uri", "error_description": "no\x1b[31m loopback", "client_id": "c"}
    with pytest.raises(ServiceError, match=r"invalid_redirect_uri: no") as caught:
        read(json_response(body, status=400))
    assert caught.value.error == "invalid_redirect_uri"
    assert "\x1b" not in caught.value.message


def test_a_server_that_is_busy_is_unreachable_for_now():
    with pytest.raises(ServiceUnreachable):
        read(json_response({}, status=503))


@pytest.mark.parametrize(
    ("stated", "good"),
    [
        ([URI], True),
        (["https://other.example/x", URI], True),
        (["http://127.0.0.1/callback/x"], True),
        ([], True),
        ("none", True),
        (["https://evil.example/callback/x"], False),
        (["http://localhost:28282/callback/x"], False),
        (["http://127.0.0.1:28282/callback/y"], False),
        (["http://127.0.0.1:28282@evil.example/callback/x"], False),
    ],
)
def test_a_redirect_uri_that_the_server_replaced_is_noticed(stated, good):
    response = json_response({"client_id": "c", "redirect_uris": stated}, status=201)
    if good:
        assert read(response).client_id == "c"
        return
    with pytest.raises(ServiceError, match="registered everyauth with the redirect URI") as caught:
        read(response)
    assert caught.value.error == "invalid_redirect_uri"
