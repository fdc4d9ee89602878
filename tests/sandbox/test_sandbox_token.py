"""The token endpoint of the sandbox."""

import base64
import hashlib
from urllib.parse import urlencode

import httpx
import pytest
from peers.visitor import (
    CHALLENGE,
    REDIRECT_URI,
    VERIFIER,
    refused,
    token_form,
    visiting,
)

from everyauth_cli.sandbox.grants import Registration


def test_token_response_is_the_documented_one(visitor):
    response = visitor.redeem(visitor.code())
    assert response.status_code == 200
    assert response.headers["cache-control"] == "no-store"
    tokens = response.json()
    assert list(tokens) == [
        "client_info",
        "id_token",
        "token_type",
        "access_token",
        "refresh_token",
        "scope",
        "expires_in",
    ]
    assert tokens["access_token"].startswith("pdus+_0X")
    assert tokens["refresh_token"].startswith("pdus+_1X")
    assert (tokens["token_type"], tokens["scope"], tokens["expires_in"]) == ("bearer", "openid read write", 3600)


@pytest.mark.parametrize(
    ("requested", "granted"),
    [
        ("read write", "openid read write"),
        ("foo", "openid"),
        (None, "openid"),
        ("write openid write", "openid write"),
        ("users:contact_methods.read Read", "openid users:contact_methods.read"),
    ],
)
def test_scopes(visitor, requested, granted):
    assert visitor.redeem(visitor.code(scope=requested)).json()["scope"] == granted


def test_code_is_single_use_and_a_second_use_revokes_its_tokens(visitor):
    code = visitor.code()
    tokens = visitor.redeem(code).json()
    assert visitor.me(tokens["access_token"]).status_code == 200
    refused(visitor.redeem(code), 400, "invalid_grant")
    assert visitor.me(tokens["access_token"]).status_code == 401
    refused(visitor.refresh(tokens["refresh_token"]), 400, "invalid_grant")
    assert visitor.server.counts["code_replay"] == 1


@pytest.mark.parametrize(("waited", "status"), [(29.999, 200), (30, 400)])
def test_code_lives_30_seconds(visitor, waited, status):
    code = visitor.code()
    visitor.clock.tick(waited)
    assert visitor.redeem(code).status_code == status


@pytest.mark.parametrize(
    "changes",
    [
        {"code": "made-up"},
        {"code_verifier": "w" * 43},
        {"code_verifier": CHALLENGE},
        {"redirect_uri": REDIRECT_URI + "/"},
    ],
)
def test_code_is_bound(visitor, changes):
    refused(visitor.redeem(visitor.code(), **changes), 400, "invalid_grant")


def test_verifier_is_at_least_43_characters(visitor):
    short = "v" * 42
    challenge = base64.urlsafe_b64encode(hashlib.sha256(short.encode()).digest()).rstrip(b"=").decode()
    refused(visitor.redeem(visitor.code(code_challenge=challenge), code_verifier=short), 400, "invalid_grant")


def test_a_code_is_used_up_by_a_failed_attempt(visitor):
    code = visitor.code()
    visitor.redeem(code, code_verifier="w" * 43)
    refused(visitor.redeem(code), 400, "invalid_grant")


def test_code_and_refresh_token_are_bound_to_the_client(visitor):
    other = Registration(client_id="other", client_secret="other-secret", redirect_uris=())
    visitor.server._clients["other"] = other
    as_other = {"client_id": "other", "client_secret": "other-secret"}
    code = visitor.code()
    refused(visitor.redeem(code, **as_other), 400, "invalid_grant")
    refresh_token = visitor.redeem(code).json()["refresh_token"]
    refused(visitor.refresh(refresh_token, **as_other), 400, "invalid_grant")
    assert visitor.refresh(refresh_token).status_code == 200


@pytest.mark.parametrize("missing", ["grant_type", "client_id", "code", "redirect_uri", "code_verifier"])
def test_a_missing_parameter_is_named(visitor, missing):
    response = visitor.redeem("code", **{missing: None}) if missing != "grant_type" else visitor.token(code="code")
    refused(response, 400, "invalid_request")
    assert missing in response.json()["error_description"]


def test_other_grant_types_are_refused(visitor):
    refused(visitor.token(grant_type="password"), 400, "unsupported_grant_type")


@pytest.mark.parametrize("changes", [{"client_secret": "wrong"}, {"client_secret": None}, {"client_id": "another"}])
def test_wrong_client(visitor, changes):
    response = visitor.redeem(visitor.code(), **changes)
    refused(response, 401, "invalid_client")
    assert response.headers["www-authenticate"].startswith("Basic ")


def test_client_authenticates_in_the_header(tmp_path):
    (tmp_path / "pagerduty.toml").write_text('token_endpoint_auth_method = "client_secret_basic"\n')
    with visiting(tmp_path, client_id="a client", client_secret="s:e%c+ret") as visitor:
        code = visitor.code(client_id="a client")
        pair = base64.b64encode(b"a+client:s%3Ae%25c%2Bret").decode()
        form = {"grant_type": "authorization_code", "code": code}
        form |= {"redirect_uri": REDIRECT_URI, "code_verifier": VERIFIER}
        response = visitor.http.post("/pagerduty/token", data=form, headers={"authorization": f"basic {pair}"})
        assert response.status_code == 200
        in_the_body = {"client_id": "a client", "client_secret": "s:e%c+ret"}
        refused(visitor.redeem(visitor.code(client_id="a client"), **in_the_body), 401, "invalid_client")


def test_client_does_not_authenticate_in_the_header_where_the_body_is_documented(visitor):
    form = {"grant_type": "refresh_token", "refresh_token": visitor.redeem(visitor.code()).json()["refresh_token"]}
    auth = httpx.BasicAuth("sandbox-client", "sandbox-secret-not-a-real-secret")
    refused(visitor.http.post("/pagerduty/token", data=form, auth=auth), 401, "invalid_client")


@pytest.mark.parametrize("header", ["Basic !", "Basic YQ==", "Bearer abc", "Basic c2FuZGJveC1jbGllbnQ6d3Jvbmc="])
def test_wrong_header(visitor, header):
    response = visitor.http.post(
        "/pagerduty/token", data={"grant_type": "refresh_token"}, headers={"authorization": header}
    )
    refused(response, 401, "invalid_client")


@pytest.mark.parametrize("form", [{"client_secret": "sandbox-secret-not-a-real-secret"}, {"client_id": "another"}])
def test_client_authenticates_one_way_at_a_time(visitor, form):
    auth = httpx.BasicAuth("sandbox-client", "sandbox-secret-not-a-real-secret")
    response = visitor.http.post("/pagerduty/token", data={"grant_type": "refresh_token", **form}, auth=auth)
    refused(response, 400, "invalid_request")


def test_public_client():
    with visiting(client_secret=None) as visitor:
        refused(visitor.redeem(visitor.code()), 401, "invalid_client")
        tokens = visitor.redeem(visitor.code(), client_secret=None).json()
        assert visitor.refresh(tokens["refresh_token"], client_secret=None).status_code == 200


def test_parameter_given_twice(visitor):
    pairs = [*token_form(grant_type="refresh_token", refresh_token="a").items(), ("refresh_token", "b")]
    headers = {"content-type": "application/x-www-form-urlencoded"}
    refused(visitor.http.post("/pagerduty/token", content=urlencode(pairs), headers=headers), 400, "invalid_request")


def test_parameters_in_the_query(visitor):
    form = token_form(grant_type="refresh_token", refresh_token="a")
    secret = form.pop("client_secret")
    response = visitor.http.post("/pagerduty/token", params={"client_secret": secret}, data=form)
    refused(response, 400, "invalid_request")


@pytest.mark.parametrize(
    ("content", "content_type"),
    [
        (b'{"grant_type": "refresh_token"}', "application/json"),
        (b"grant_type=refresh_token", "text/plain"),
        (b"grant_type=\xff", "application/x-www-form-urlencoded"),
        (b"grant_type=%ff", "application/x-www-form-urlencoded"),
        (b"&".join(b"%d=1" % number for number in range(51)), "application/x-www-form-urlencoded"),
    ],
)
def test_body_that_is_no_form(visitor, content, content_type):
    response = visitor.http.post("/pagerduty/token", content=content, headers={"content-type": content_type})
    refused(response, 400, "invalid_request")


def test_token_endpoint_takes_post_only(visitor):
    response = visitor.http.get("/pagerduty/token")
    refused(response, 405, "invalid_request")
    assert response.headers["allow"] == "POST"
