"""Token exchange at the sandbox (RFC 8693): which subject tokens it takes, and what it answers."""

import json

import pytest

from everyauth_cli.sandbox.grants import OAuthError
from everyauth_cli.sandbox.pytest_plugin import EveryAuthSandbox
from everyauth_cli.sandbox.server import CLIENT_ID, CLIENT_SECRET, Sandbox
from everyauth_cli.services.catalogue import Catalogue

TYPES = "urn:ietf:params:oauth:token-type:"
ENTRY = 'authorization_endpoint = "https://{0}.example/authorize"\ntoken_endpoint = "https://{0}.example/token"\n'


@pytest.fixture
def sandboxed(tmp_path):
    for name in ("corp", "acme"):
        (tmp_path / f"{name}.toml").write_text(ENTRY.format(name))
    return EveryAuthSandbox(Sandbox(Catalogue(tmp_path), port=None), tmp_path)


def form(token, **changed):
    fields = {"grant_type": "urn:ietf:params:oauth:grant-type:token-exchange", "subject_token": token}
    client = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
    fields = {**fields, "subject_token_type": f"{TYPES}access_token", **client, **changed}
    return {name: value for name, value in fields.items() if value is not None}


@pytest.mark.parametrize("issuer", ["corp", "acme"])
def test_a_token_of_any_service_of_the_sandbox_is_exchanged(sandboxed, issuer):
    sandboxed.log_in(issuer, "ann")
    token = sandboxed.auth.get_identity(issuer, "ann").access_token
    server = sandboxed.sandbox.server("acme")
    response = json.loads(server.token(form(token)).body)
    assert response["issued_token_type"] == f"{TYPES}access_token"
    assert "refresh_token" not in response
    assert server.user(response["access_token"]) == sandboxed.sandbox.server(issuer).user(token)


@pytest.mark.parametrize(
    "changed",
    [
        {"subject_token": "unknown"},
        {"subject_token": None},
        {"subject_token_type": None},
        {"subject_token_type": f"{TYPES}id_token"},
        {"requested_token_type": f"{TYPES}id-jag"},
    ],
)
def test_another_subject_or_type_is_refused(sandboxed, changed):
    sandboxed.log_in("corp", "ann")
    token = sandboxed.auth.get_identity("corp", "ann").access_token
    with pytest.raises(OAuthError) as raised:
        sandboxed.sandbox.server("acme").token(form(token, **changed))
    assert raised.value.error == "invalid_request"
