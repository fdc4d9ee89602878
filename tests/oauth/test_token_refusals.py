"""Answers of a token endpoint that are no token: each is an error that says what to do, whatever it holds."""

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from peers.token_server import TOKEN_ENDPOINT, id_token, json_response

from everyauth_cli.errors import (
    ClientRejected,
    EveryAuthError,
    InvalidGrant,
    ServiceError,
    ServiceUnreachable,
    ServiceUnreadable,
)
from everyauth_cli.model import Response, Secret, Service, Token
from everyauth_cli.oauth.token_endpoint import read_token
from everyauth_cli.services.rules import AccountRules, ClientAuthMethod

SERVICE = Service(
    name="example",
    title="Example",
    authorization_endpoint="https://issuer.example/authorize",
    token_endpoint=TOKEN_ENDPOINT,
)
FORM = "application/x-www-form-urlencoded"
HTML = b"<!doctype html><title>Sign in</title>"


def read(given, *, service=SERVICE, previous=None):
    return read_token(service, given, requested_scope="read", now=0, previous=previous)


def refusal(fields=b"", *, status=200, content_type="application/json", retry_after=None, service=SERVICE):
    given = replace(json_response(fields, status=status, content_type=content_type), retry_after=retry_after)
    with pytest.raises(EveryAuthError) as caught:
        read(given, service=service)
    assert "\x1b" not in caught.value.message
    assert "SECRET" not in caught.value.message
    return caught.value


@pytest.mark.parametrize(
    ("fields", "status", "kind", "says"),
    [
        ({"error": "invalid_grant"}, 400, InvalidGrant, "invalid_grant"),
        ({"error": "invalid_grant"}, 200, InvalidGrant, "invalid_grant"),
        ({"error": "invalid_grant"}, 401, InvalidGrant, "invalid_grant"),
        ({"error": "invalid_client", "error_description": "who?"}, 401, ClientRejected, "invalid_client (who?)"),
        ({"error": "invalid_client"}, 200, ClientRejected, "invalid_client"),
        ({"error": "invalid_scope", "error_description": "a\x1b[1m\nb"}, 400, ServiceError, "invalid_scope (a [1m b)"),
        ({"error": {"type": "OAuthException", "message": "no"}}, 400, ServiceError, "OAuthException (no)"),
        ({"error": {"code": 190}}, 400, ServiceError, "190"),
        ({"error": ["strange"]}, 400, ServiceError, "strange"),
        ({"error": "no", "access_token": "SECRET"}, 200, ServiceError, "no"),
        ({"error": True, "refresh_token": "SECRET"}, 200, ServiceError, "True"),
        ({}, 400, ServiceError, "HTTP 400"),
        ({"access_token": "SECRET"}, 403, ServiceError, "HTTP 403"),
        ({}, 200, ServiceUnreadable, "without an access token"),
        ({"access_token": ""}, 200, ServiceUnreadable, "without an access token"),
        ({"access_token": 5}, 200, ServiceUnreadable, "without an access token"),
        ({"access_token": None, "refresh_token": "SECRET"}, 200, ServiceUnreadable, "without an access token"),
        (["access_token", "SECRET"], 200, ServiceUnreadable, "where JSON was expected"),
        ("SECRET", 200, ServiceUnreadable, "where JSON was expected"),
        (b"", 200, ServiceUnreadable, "where JSON was expected"),
        (b'{"access_token": "SECRET', 200, ServiceUnreadable, "where JSON was expected"),
        (b"\xff\xfe\x00", 200, ServiceUnreadable, "where JSON was expected"),
        (b"[" * 100_000, 200, ServiceUnreadable, "where JSON was expected"),
    ],
)
def test_an_answer_that_is_no_token_is_an_error(fields, status, kind, says):
    error = refusal(fields, status=status)
    assert type(error) is kind
    assert says in error.message
    assert "example" in error.message


@pytest.mark.parametrize(
    ("fields", "kind", "says"),
    [
        ([{"error": "invalid_grant", "error_description": "expired"}], InvalidGrant, "invalid_grant (expired)"),
        ([{"errorCode": "invalid_grant", "message": "expired"}], InvalidGrant, "message: expired"),
        (["invalid_grant", "expired"], InvalidGrant, "expired"),
        ([{"message": "expired"}, {"message": "twice"}], ServiceError, "expired"),
        ("the token expired", ServiceError, "the token expired"),
        (json.dumps({"error": "invalid_grant"}), InvalidGrant, "invalid_grant"),
        (
            {"error": {"error": "invalid_grant", "error_description": "expired"}},
            InvalidGrant,
            "invalid_grant (expired)",
        ),
        ({"error": {"errors": [{"reason": "invalid_grant", "message": "expired"}]}}, InvalidGrant, "(expired)"),
        ({"error": [{"code": "invalid_grant", "detail": "expired"}]}, InvalidGrant, "invalid_grant (expired)"),
        ({"errors": [{"code": "invalid_grant", "detail": "expired"}]}, InvalidGrant, "expired"),
        ({"error": ["invalid_grant", "expired"]}, InvalidGrant, "invalid_grant"),
        (b'\xef\xbb\xbf["expired"]', ServiceError, "expired"),
    ],
)
def test_an_error_in_any_shape_keeps_its_message(fields, kind, says):
    error = refusal(fields, status=400)
    assert type(error) is kind
    assert says in error.message


def test_plain_text_is_an_error_s_message_where_an_error_is_due():
    error = refusal(b"the token expired", status=400, content_type="text/plain")
    assert (type(error), error.message) == (ServiceError, "example answers HTTP 400 (message: the token expired)")
    assert type(refusal(b"Not Found", status=404, content_type="text/plain")) is ServiceUnreadable


@pytest.mark.parametrize("content_type", ["", "application/json", "text/html", "text/plain"])
def test_an_empty_400_is_a_refusal_and_no_wrong_endpoint(content_type):
    error = refusal(b"", status=400, content_type=content_type)
    assert (type(error), error.hint) == (ServiceError, None)
    assert type(refusal(b"", status=404, content_type=content_type)) is ServiceUnreadable


@pytest.mark.parametrize("depth", [5, 90_000])
def test_an_error_that_is_nested_deep_is_an_error_all_the_same(depth):
    assert isinstance(refusal(b'{"error": ' + b"[" * depth + b"1" + b"]" * depth + b"}", status=400), ServiceError)


def test_html_is_named_as_what_it_is():
    for status in (200, 404):
        error = refusal(HTML, status=status, content_type="text/html; charset=utf-8")
        assert type(error) is ServiceUnreadable
        assert "text/html where JSON was expected" in error.message
        assert f"HTTP {status}" in error.message
        assert "service get example" in error.hint


def test_a_page_with_403_may_be_that_of_a_firewall():
    error = refusal(HTML, status=403, content_type="text/html")
    assert type(error) is ServiceUnreadable
    assert error.hint == (
        "it may block this computer's network; try from another one, else check token_endpoint: "
        "everyauth service get example"
    )


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("body", [b"", HTML, b'{"access_token": "SECRET"}'])
def test_a_redirect_is_not_followed_but_explained(status, body):
    error = refusal(body, status=status)
    assert type(error) is ServiceUnreadable
    assert f"HTTP {status}" in error.message
    assert "token_endpoint" in error.hint


@pytest.mark.parametrize("status", [429, 500, 502, 503, 599])
@pytest.mark.parametrize("body", [b"", HTML, {"error": "invalid_grant"}, {"access_token": "SECRET"}])
def test_not_now_is_no_word_about_the_grant(status, body):
    error = refusal(body, status=status)
    assert type(error) is ServiceUnreachable
    assert (error.status, error.exit_code) == (status, 5)
    assert error.lost is (status != 429)


def test_the_wait_in_retry_after_is_in_the_message():
    assert "wait 120 s" in refusal(status=429, retry_after="120").message
    assert "\n" not in refusal(status=503, retry_after="1\n\x1b[1m").message


@pytest.mark.parametrize(
    ("body", "status"), [({"error": "invalid_client"}, 401), ({"error": "unauthorized_client"}, 400), (b"", 401)]
)
@pytest.mark.parametrize(
    ("method", "causes"),
    [
        (
            "client_secret_basic",
            ['token_endpoint_auth_method = "client_secret_post"', "secret, ", 'encoding = "raw" there'],
        ),
        ("client_secret_post", ['token_endpoint_auth_method = "client_secret_basic"', "then the client id and secret"]),
        ("none", ['token_endpoint_auth_method = "client_secret_basic"', "then the client id and secret"]),
    ],
)
def test_a_client_that_is_not_accepted_may_have_three_causes(body, status, method, causes):
    service = replace(SERVICE, token_endpoint_auth_method=ClientAuthMethod(method))
    error = refusal(body, status=status, service=service)
    assert (type(error), error.exit_code) == (ClientRejected, 2)
    assert error.hint.startswith(f"check the method, now {method} (")
    places = [error.hint.index(cause) for cause in [*causes, "everyauth service set example --client-id"]]
    assert places == sorted(places)
    assert ("encoding" in error.hint) == (method == "client_secret_basic")


@pytest.mark.parametrize("body", [b"", b"\n", {}, {"message": "Unauthorized"}], ids=str)
def test_a_client_may_be_turned_away_without_a_word(body):
    error = refusal(body, status=401)
    assert type(error) is ClientRejected
    assert "HTTP 401" in error.message
    assert type(refusal(HTML, status=401, content_type="text/html")) is ServiceUnreadable


def test_an_error_in_words_of_the_services_own_is_understood():
    words = {"invalid_code": "invalid_grant", "bad_client_secret": "invalid_client", "400": "invalid_grant"}
    service = replace(SERVICE, error_words=words)
    for error, kind in [("invalid_code", InvalidGrant), ("bad_client_secret", ClientRejected), (400, InvalidGrant)]:
        with pytest.raises(kind, match=str(error)):
            read(json_response({"ok": False, "error": error}), service=service)
    with pytest.raises(ServiceError) as caught:
        read(json_response({"ok": False, "error": "no_scopes"}), service=service)
    assert (type(caught.value), caught.value.error) == (ServiceError, "no_scopes")


def test_the_error_of_the_service_can_be_asked_for():
    error = refusal({"error": "slow_down"}, status=400)
    assert (error.error, error.status) == ("slow_down", 400)


def test_an_error_in_form_encoding_is_read():
    error = refusal(b"error=invalid_grant&error_description=too+old", content_type=FORM)
    assert type(error) is InvalidGrant
    assert "invalid_grant (too old)" in error.message


def test_what_is_no_text_is_no_id_token():
    assert read(json_response({"access_token": "a", "id_token": 7})).id_token is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)
KNOWN = st.sampled_from(
    ["access_token", "refresh_token", "expires_in", "scope", "id_token", "error", "error_description", "team"]
)
CLAIMS = st.dictionaries(st.sampled_from(["sub", "email", "name"]), JSON, max_size=3)
ID_TOKENS = CLAIMS.map(lambda claims: id_token(**claims))
FIELDS = st.dictionaries(KNOWN, JSON | ID_TOKENS | st.just("a"), max_size=6)
BODIES = (
    st.binary(max_size=60) | JSON.map(lambda v: json.dumps(v).encode()) | FIELDS.map(lambda v: json.dumps(v).encode())
)
RESPONSES = st.builds(
    Response,
    status=st.sampled_from([200, 201, 204, 301, 302, 400, 401, 403, 404, 429, 500, 503]) | st.integers(200, 599),
    content_type=st.sampled_from(["application/json", FORM, "text/html", ""]) | st.text(max_size=10),
    body=BODIES.map(Secret),
    retry_after=st.none() | st.text(max_size=10),
)
PAGERDUTY_LIKE = replace(SERVICE, native=("scope", "id_token"), account=AccountRules(label=("{sub} ({subdomain})",)))


@pytest.mark.slow
@settings(max_examples=300)
@given(response=RESPONSES, again=st.booleans())
@pytest.mark.parametrize("service", [SERVICE, PAGERDUTY_LIKE])
def test_any_response_gives_a_token_or_an_error_of_ours(service, response, again):
    previous = read(json_response({"access_token": "a", "refresh_token": "r"})) if again else None
    token = token_or_message(response, service=service, previous=previous)
    if isinstance(token, str):
        assert token
        assert not any(ord(character) < 32 or 127 <= ord(character) < 160 for character in token)
        return
    assert isinstance(token, Token)
    assert isinstance(token.access_token.reveal(), str)
    assert token.access_token
    assert 200 <= response.status < 300
    assert not holds_refresh_token(token.native.reveal())
    assert token.expires_at is None or token.expires_at >= token.issued_at


def token_or_message(response, **how):
    try:
        return read(response, **how)
    except EveryAuthError as error:
        return error.message


def holds_refresh_token(value):
    if isinstance(value, dict):
        return "refresh_token" in value or any(map(holds_refresh_token, value.values()))
    return isinstance(value, list) and any(map(holds_refresh_token, value))
