"""Refusals of a token endpoint, in the shapes that services send, and the subject that each is about."""

from dataclasses import replace

import pytest
from peers.token_server import ENTRY, TOKEN_ENDPOINT, json_response

from everyauth_cli.errors import (
    ClientRejected,
    EveryAuthError,
    InvalidGrant,
    ServiceError,
    ServiceUnreachable,
    ServiceUnreadable,
)
from everyauth_cli.model import Secret, Service
from everyauth_cli.oauth.error_response import Refusal, refusal_of
from everyauth_cli.oauth.token_endpoint import read_token
from everyauth_cli.services.catalogue import Catalogue

SERVICE = Service(
    name="example",
    title="Example",
    authorization_endpoint="https://issuer.example/authorize",
    token_endpoint=TOKEN_ENDPOINT,
)
JSON, FORM, TEXT, HTML = "application/json", "application/x-www-form-urlencoded", "text/plain", "text/html"
PREVIOUS = read_token(
    SERVICE, json_response({"access_token": "old", "refresh_token": "spent"}), requested_scope="read", now=0
)


def refused(fields, *, status=400, label=JSON, service=SERVICE, is_complete=True):
    given = replace(json_response(fields, status=status, content_type=label), is_complete=is_complete)
    raised = []
    for previous in (None, PREVIOUS):
        with pytest.raises(EveryAuthError) as caught:
            read_token(service, given, requested_scope=None, now=0, previous=previous)
        raised.append(caught.value)
    login, refresh = raised
    assert (type(login), login.message) == (type(refresh), refresh.message)
    return refresh


@pytest.mark.parametrize(
    ("status", "label", "body"),
    [
        (400, JSON, b'{"error": "invalid_grant"}'),
        (400, JSON, b'{"error": "INVALID_GRANT"}'),
        (400, JSON, b'{"error": "Invalid_Grant", "error_description": "gone"}'),
        (400, JSON, b'{"error": "invalid_grant: the token is gone"}'),
        (401, JSON, b'{"error": "invalid_grant"}'),
        (403, JSON, b'{"error": "invalid_grant"}'),
        (200, JSON, b'{"error": "invalid_grant"}'),
        (400, JSON, b'\xef\xbb\xbf{"error": "invalid_grant"}'),
        (400, JSON, '{"error": "invalid_grant"}'.encode("utf-16")),
        (400, JSON, b'[{"error": "invalid_grant"}]'),
        (400, JSON, b'"invalid_grant"'),
        (400, TEXT, b"invalid_grant"),
        (400, HTML, b"INVALID_GRANT\r\n"),
        (400, TEXT, b"error=invalid_grant"),
        (400, FORM, b"error=invalid_grant&error_description=gone"),
        (400, JSON, b"error=invalid_grant"),
        (400, FORM, b'{"error": "invalid_grant"}'),
        (400, JSON, b'{"errors": [{"code": "invalid_grant", "detail": "gone"}]}'),
        (200, JSON, b'{"errors": [{"code": "invalid_grant"}]}'),
        (400, JSON, b'{"errors": ["invalid_grant"]}'),
        (400, JSON, b'{"error": {"code": "invalid_grant"}}'),
        (400, JSON, b'{"error": {"code": 400, "error": "invalid_grant"}}'),
        (400, JSON, b'{"error": ["invalid_grant"], "code": "invalid_grant"}'),
        (400, JSON, b'{"code": "invalid_grant", "message": "gone"}'),
        (400, JSON, b'{"error": "", "errorCode": "INVALID_GRANT"}'),
        (400, JSON, b'{"error": "login_required"}'),
        (400, JSON, b'{"error": "consent_required"}'),
        (400, JSON, b'{"error": "interaction_required", "suberror": "basic_action"}'),
    ],
)
def test_a_dead_grant_is_known_in_every_spelling(status, label, body):
    error = refused(body, status=status, label=label)
    assert type(error) is InvalidGrant
    assert refusal_of(error) is Refusal.GRANT


def test_a_body_that_broke_off_after_its_error_is_one():
    assert type(refused({"error": "invalid_grant"}, is_complete=False)) is InvalidGrant


@pytest.mark.parametrize(
    ("service", "status", "fields", "subject"),
    [
        ("strava", 400, {"errors": [{"resource": "RefreshToken", "code": "invalid"}]}, Refusal.GRANT),
        ("strava", 400, {"errors": [{"resource": "Application", "code": "invalid"}]}, Refusal.CLIENT),
        (
            "atlassian",
            403,
            {"error": "unauthorized_client", "error_description": "refresh_token is invalid"},
            Refusal.GRANT,
        ),
        ("atlassian", 403, {"error": "unauthorized_client"}, Refusal.CLIENT),
        ("dropbox", 400, {"error": "invalid_client: Invalid client_id or client_secret"}, Refusal.CLIENT),
        ("eveonline", 400, {"error": "invalid_grant: Token is expired or invalid."}, Refusal.GRANT),
        ("zoho", 200, {"error": "invalid_code"}, Refusal.GRANT),
        (
            "deviantart",
            400,
            {"error": "invalid_request", "error_description": "The refresh_token is invalid."},
            Refusal.GRANT,
        ),
        (
            "x",
            400,
            {"error": "invalid_request", "error_description": "Value passed for the token was invalid."},
            Refusal.GRANT,
        ),
        ("x", 400, {"error": "invalid_request", "error_description": "Missing required parameter"}, Refusal.OTHER),
        ("microsoft", 400, {"error": "interaction_required", "error_description": "AADSTS50079"}, Refusal.GRANT),
        ("hubspot", 400, {"status": "BAD_REFRESH_TOKEN", "message": "missing or invalid"}, Refusal.GRANT),
        ("slack", 200, {"ok": False, "error": "invalid_refresh_token"}, Refusal.GRANT),
        (
            "exact-online",
            400,
            {"error": "access_denied", "error_description": "Rate limit exceeded: access_token not expired"},
            Refusal.NOT_NOW,
        ),
        ("exact-online", 400, {"error": "access_denied"}, Refusal.OTHER),
    ],
)
def test_the_words_of_services_are_in_their_entries(service, status, fields, subject):
    assert refusal_of(refused(fields, status=status, service=Catalogue().get(service))) is subject


@pytest.mark.parametrize(
    ("status", "label", "fields", "kind", "subject"),
    [
        (400, JSON, {"error": "invalid_client"}, ClientRejected, Refusal.CLIENT),
        (401, JSON, {"message": "who?"}, ClientRejected, Refusal.CLIENT),
        (400, JSON, {"error": "unauthorized_client"}, ClientRejected, Refusal.CLIENT),
        (401, JSON, {"error": "unauthorized", "error_description": "who?"}, ClientRejected, Refusal.CLIENT),
        (401, TEXT, b"Unauthorized", ClientRejected, Refusal.CLIENT),
        (401, TEXT, b"Client authentication failed.", ClientRejected, Refusal.CLIENT),
        (401, "", b"", ClientRejected, Refusal.CLIENT),
        (401, JSON, {"error": "token_is_dead"}, ServiceError, Refusal.OTHER),
        (400, JSON, {"error": "invalid_scope"}, ServiceError, Refusal.SCOPE),
        (400, JSON, {"error": "temporarily_unavailable"}, ServiceUnreachable, Refusal.NOT_NOW),
        (400, JSON, {"error": "slow_down"}, ServiceUnreachable, Refusal.NOT_NOW),
        (200, JSON, {"error": "ratelimited"}, ServiceUnreachable, Refusal.NOT_NOW),
        (408, JSON, {"error": "invalid_grant"}, ServiceUnreachable, Refusal.NOT_NOW),
        (425, JSON, b"", ServiceUnreachable, Refusal.NOT_NOW),
        (429, JSON, {"error": "invalid_grant"}, ServiceUnreachable, Refusal.NOT_NOW),
        (500, JSON, {"error": "invalid_grant"}, ServiceUnreachable, Refusal.NOT_NOW),
        (511, HTML, b"<html>Login to WiFi</html>", ServiceUnreachable, Refusal.NOT_NOW),
        (200, HTML, b"<html>Login to WiFi</html>", ServiceUnreadable, Refusal.NOT_NOW),
        (403, HTML, b"<html>Just a moment...</html>", ServiceUnreadable, Refusal.NOT_NOW),
        (302, HTML, b"", ServiceUnreadable, Refusal.NOT_NOW),
        (200, JSON, b"", ServiceUnreadable, Refusal.NOT_NOW),
        (204, JSON, b"", ServiceUnreadable, Refusal.NOT_NOW),
        (400, JSON, {"error": "invalid_request"}, ServiceError, Refusal.OTHER),
        (400, JSON, {"error": "invalid_token"}, ServiceError, Refusal.OTHER),
        (200, JSON, {"error": "bad_refresh_token"}, ServiceError, Refusal.OTHER),
        (400, JSON, {"code": 17}, ServiceError, Refusal.OTHER),
        (404, JSON, {}, ServiceError, Refusal.OTHER),
    ],
)
def test_every_refusal_has_a_subject(status, label, fields, kind, subject):
    error = refused(fields, status=status, label=label)
    assert (type(error), refusal_of(error)) == (kind, subject)


@pytest.mark.parametrize("body", [b"", b'{"access_token": "a', b"access_token=abc", b"<html>"])
def test_a_body_that_broke_off_before_its_token_ended_says_nothing_of_the_grant(body):
    error = refused(body, status=200, is_complete=False)
    assert type(error) is ServiceUnreachable
    assert (error.lost, refusal_of(error)) == (True, Refusal.NOT_NOW)


def test_an_error_in_an_array_keeps_its_message():
    error = refused([{"logref": "1", "message": "Bad credentials"}], status=401)
    assert type(error) is ClientRejected
    assert "HTTP 401 (message: Bad credentials)" in error.message


@pytest.mark.parametrize("error", ["", None, 0, False, "0", [], {}])
@pytest.mark.parametrize("previous", [None, PREVIOUS])
def test_an_empty_error_beside_a_token_is_none(error, previous):
    given = json_response({"access_token": "a", "error": error, "error_description": "", "errors": [], "code": 0})
    assert read_token(SERVICE, given, requested_scope=None, now=0, previous=previous).access_token == Secret("a")


def test_words_of_success_elsewhere_than_in_error_are_none_beside_a_token():
    fields = {"access_token": "a", "code": "server_error", "status": "invalid_grant"}
    assert read_token(SERVICE, json_response(fields), requested_scope=None, now=0).access_token == Secret("a")


def test_a_token_beside_an_error_counts_in_a_refresh_only():
    given = json_response({"access_token": "new", "refresh_token": "next", "error": "invalid_scope"})
    with pytest.raises(ServiceError, match="invalid_scope"):
        read_token(SERVICE, given, requested_scope=None, now=0)
    token = read_token(SERVICE, given, requested_scope=None, now=0, previous=PREVIOUS)
    assert (token.access_token, token.refresh_token) == (Secret("new"), Secret("next"))
    refusal = replace(given, status=400)
    with pytest.raises(ServiceError, match="invalid_scope"):
        read_token(SERVICE, refusal, requested_scope=None, now=0, previous=PREVIOUS)


def test_a_token_is_read_without_the_blanks_around_it():
    given = json_response({"access_token": " a.b\n"})
    assert read_token(SERVICE, given, requested_scope=None, now=0).access_token == Secret("a.b")


def test_a_word_of_an_entry_may_name_a_field_and_its_value(tmp_path):
    words = 'error_words = {"errors.0.code=Dead Token" = "invalid_grant"}\n'
    (tmp_path / "example.toml").write_text(ENTRY + words)
    service = Catalogue(tmp_path).get("example")
    assert type(refused({"errors": [{"code": " dead token "}]}, service=service)) is InvalidGrant
    assert type(refused({"errors": [{"code": "other"}]}, service=service)) is ServiceError
    assert type(refused({"errors": {"code": "dead token"}}, service=service)) is ServiceError
