"""The JWT bearer grant at the sandbox: it verifies what a real server would."""

from __future__ import annotations

import json
import time

import pytest

from everyauth_cli.errors import InvalidGrant
from everyauth_cli.model import Secret
from everyauth_cli.oauth.grant import GrantType
from everyauth_cli.oauth.jose import new_private_key, signed
from everyauth_cli.sandbox.client_key import CLIENT_KEY
from everyauth_cli.sandbox.grants import OAuthError
from everyauth_cli.sandbox.pytest_plugin import EveryAuthSandbox
from everyauth_cli.sandbox.server import CLIENT_ID, Sandbox
from everyauth_cli.services.catalogue import Catalogue

TOKEN_ENDPOINT = "https://acme.example/token"
ENTRY = f"""
token_endpoint = "{TOKEN_ENDPOINT}"
token_endpoint_auth_method = "none"
private_key_use = "jwt_bearer"
jwt_bearer_audience = "acme.example"
jwt_bearer_subject = "required"
jwt_bearer_scope_in = "assertion"
grant_types_supported = ["{GrantType.JWT_BEARER}"]
"""


@pytest.fixture
def sandboxed(tmp_path):
    (tmp_path / "acme.toml").write_text(ENTRY)
    return EveryAuthSandbox(Sandbox(Catalogue(tmp_path), port=None), tmp_path)


def outcome(sandboxed, *, key=CLIENT_KEY, **changed):
    """The status, or the error, of a request with an assertion of these claims."""
    server, now = sandboxed.sandbox.server("acme"), int(time.time())
    claims = {"iss": CLIENT_ID, "sub": "ann", "aud": "acme.example", "iat": now, "exp": now + 60, "jti": "1"}
    claims = {name: value for name, value in {**claims, **changed}.items() if value is not None}
    header = {"alg": "ES256", "kid": json.loads(key)["kid"]}
    assertion = signed(header, claims, Secret(key)).reveal()
    try:
        response = server.token({"grant_type": GrantType.JWT_BEARER.value, "assertion": assertion})
    except OAuthError as error:
        return error.error
    return json.loads(response.body)


@pytest.mark.parametrize("name", ["salesforce", "docusign", "google-service-account"])
def test_each_service_that_documents_it_is_logged_in_at(name):
    sandboxed = EveryAuthSandbox(Sandbox(Catalogue(), port=None))
    entry = sandboxed.auth.catalogue.get(name)
    sandboxed.auth.clients.set(entry, client_id=CLIENT_ID, change_keys=lambda _: (Secret(CLIENT_KEY),))
    identity = sandboxed.auth.keep(sandboxed.auth.jwt_bearer(name, subject="ann@example.org"))
    assert identity.account.subject == "ann@example.org"
    before = sandboxed.auth.get_identity(name)
    assert "refresh_token" not in before.as_json()["native"]
    sandboxed.advance(4000)
    after = sandboxed.auth.get_identity(name).access_token
    assert after != before.access_token
    assert sandboxed.sandbox.server(name).user(after) == "ann@example.org"


def test_a_good_assertion_gets_a_token_without_a_refresh_token_once(sandboxed):
    fields = outcome(sandboxed, scope="read write")
    assert fields["scope"] == "read write"
    assert "refresh_token" not in fields
    assert outcome(sandboxed) == "invalid_grant"
    assert "access_token" in outcome(sandboxed, jti="2")


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "other"},
        {"sub": None},
        {"aud": TOKEN_ENDPOINT},
        {"aud": ["acme.example"]},
        {"aud": None},
        {"exp": 0},
        {"exp": lambda now: now + 4000},
        {"exp": "soon"},
        {"iat": lambda now: now + 300},
        {"jti": None},
        {"key": new_private_key(["ES256"]).reveal()},
    ],
)
def test_an_assertion_that_is_not_good_is_refused(sandboxed, changed):
    now = int(time.time())
    claims = {name: value(now) if callable(value) else value for name, value in changed.items()}
    assert outcome(sandboxed, **claims) == "invalid_grant"


def test_what_is_no_assertion_is_refused(sandboxed):
    server = sandboxed.sandbox.server("acme")
    for form, error in (({}, "invalid_request"), ({"assertion": "a.b.c"}, "invalid_grant")):
        with pytest.raises(OAuthError) as raised:
            server.token({"grant_type": GrantType.JWT_BEARER.value, **form})
        assert raised.value.error == error
    with pytest.raises(OAuthError) as raised:
        sandboxed.sandbox.server("pagerduty").token({"grant_type": GrantType.JWT_BEARER.value, "assertion": "a.b.c"})
    assert raised.value.error in ("unsupported_grant_type", "invalid_grant")


def test_a_clock_that_is_wrong_is_refused(sandboxed):
    sandboxed.sandbox.clock = lambda: int((time.time() + 600) * 1000)
    service = sandboxed.auth.catalogue.get("acme")
    sandboxed.auth.clients.set(service, client_id=CLIENT_ID, change_keys=lambda _: (Secret(CLIENT_KEY),))
    with pytest.raises(InvalidGrant, match="has expired"):
        sandboxed.auth.jwt_bearer("acme", subject="ann")
