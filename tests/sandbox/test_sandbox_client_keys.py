"""The sandbox checks the assertions of a client with a private key (RFC 7523 section 3) as strictly as a server."""

from __future__ import annotations

import json
import time

import pytest

from everyauth_cli.errors import ClientRejected
from everyauth_cli.model import Secret
from everyauth_cli.oauth.jose import new_private_key, signed
from everyauth_cli.sandbox.client_key import CLIENT_KEY
from everyauth_cli.sandbox.grants import OAuthError
from everyauth_cli.sandbox.pytest_plugin import EveryAuthSandbox
from everyauth_cli.sandbox.server import CLIENT_ID, Sandbox
from everyauth_cli.services.catalogue import Catalogue

ENTRY = """
authorization_endpoint = "https://acme.example/authorize"
token_endpoint = "https://acme.example/token"
revocation_endpoint = "https://acme.example/revoke"
token_endpoint_auth_method = "private_key_jwt"
"""
HEADER = {"alg": "ES256", "kid": json.loads(CLIENT_KEY)["kid"]}


@pytest.fixture(params=["", 'issuer = "https://acme.example"\nid_token = "ignore"\n'], ids=["no issuer", "issuer"])
def sandboxed(request, tmp_path):
    (tmp_path / "acme.toml").write_text(ENTRY + request.param)
    return EveryAuthSandbox(Sandbox(Catalogue(tmp_path), port=None), tmp_path)


def test_every_request_of_a_login_is_signed(sandboxed):
    identity = sandboxed.log_in("acme")
    before = sandboxed.auth.get_identity("acme").access_token
    sandboxed.advance((identity.expires_at - identity.updated_at) / 1000)
    assert sandboxed.auth.get_identity("acme").access_token != before
    revocation = sandboxed.auth.delete_identity("acme", "me")
    assert (revocation.problem, revocation.not_revoked) == (None, [])
    assert sandboxed.sandbox.server("acme").counts["invalid_client"] == 0


def test_the_client_gets_a_token_of_its_own(sandboxed):
    sandboxed.log_in("acme", "ann")
    identity = sandboxed.auth.keep(sandboxed.auth.client_credentials("acme"))
    sandboxed.advance(3600)
    assert sandboxed.auth.get_identity("acme").access_token
    assert identity.account.subject == CLIENT_ID


def test_another_key_is_refused(sandboxed):
    sandboxed.log_in("acme", "ann")
    other = (new_private_key(),)
    sandboxed.auth.clients.set(sandboxed.auth.clients.filled("acme"), change_keys=lambda _: other)
    with pytest.raises(ClientRejected, match="its key"):
        sandboxed.auth.client_credentials("acme")


@pytest.mark.parametrize(
    "change",
    [
        {"jti": None},
        {"jti": "used"},
        {"exp": 0},
        {"exp": 3600},
        {"sub": "other"},
        {"iss": "other"},
        {"aud": "https://evil.example/"},
        {"aud": ["https://acme.example", "https://acme.example/token"]},
        {"aud": None},
    ],
    ids=str,
)
def test_an_assertion_that_is_not_good_for_this_request_is_refused(sandboxed, change):
    server, service = sandboxed.sandbox.server("acme"), sandboxed.auth.clients.filled("acme")
    now = sandboxed.sandbox.clock() // 1000
    claims = {"iss": CLIENT_ID, "sub": CLIENT_ID, "aud": service.issuer or service.token_endpoint, "jti": "used"}

    def status(**changed):
        made = {**claims, "exp": now + 60, **changed}
        made = {name: value for name, value in made.items() if value is not None}
        form = {
            "grant_type": "client_credentials",
            "client_id": CLIENT_ID,
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": signed(HEADER, made, Secret(CLIENT_KEY)).reveal(),
        }
        try:
            return server.token(form).status
        except OAuthError as error:
            return error.status

    assert status() == 200
    later = {"jti": "new"} if "jti" not in change else {}
    exp = {"exp": now + change["exp"]} if "exp" in change else {}
    assert status(**{**later, **change, **exp}) == 401
    assert status(jti="another") == 200


def test_a_client_secret_that_the_key_signs_is_verified():
    sandboxed = EveryAuthSandbox(Sandbox(Catalogue(), port=None))
    assert sandboxed.log_in("apple").refreshable
    server, claims = sandboxed.sandbox.server("apple"), {"kid": "sandbox", "iss": "sandbox"}
    expected = sandboxed.auth.clients.filled("apple").client_assertion.secret_claims
    assert expected == {**claims, "aud": "https://appleid.apple.com"}
    form = {"grant_type": "refresh_token", "refresh_token": "r", "client_id": CLIENT_ID}
    for changed in ({"iss": "other"}, {"aud": "other"}, {"sub": "other"}, {"exp": 0}):
        now = int(time.time())
        fields = {"iss": "sandbox", "aud": expected["aud"], "sub": CLIENT_ID, "iat": now, "exp": now + 60, **changed}
        secret = signed({"alg": "ES256", "kid": "sandbox"}, fields, Secret(CLIENT_KEY)).reveal()
        with pytest.raises(OAuthError) as raised:
            server.token({**form, "client_secret": secret})
        assert raised.value.error == "invalid_client"
