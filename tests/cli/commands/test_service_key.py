"""`everyauth service key` and `service set --private-key`: a key in the store, and its public half to register."""

from __future__ import annotations

import json
import os

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from peers.sandbox import SEALED
from peers.terminal import terminal

from everyauth_cli.oauth.jose import new_private_key
from everyauth_cli.oauth.jwk import public_fields

pytestmark = pytest.mark.slow

SECRETS = {"d", "p", "q", "dp", "dq", "qi", "k"}
ENTRY = """
authorization_endpoint = "https://acme.example/authorize"
token_endpoint = "https://acme.example/token"
revocation_endpoint = "https://acme.example/revoke"
token_endpoint_auth_method = "private_key_jwt"
"""


def write_entry(home, *more):
    path = home / "services" / "acme.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([ENTRY, *more]))


@pytest.fixture
def everyauth(everyauth):
    """The command over a sealed store, with a service whose clients have keys."""
    write_entry(everyauth.home)
    plain = everyauth.environment
    everyauth.environment = lambda extra=None: plain({**SEALED, **(extra or {})})
    return everyauth


def kids(done):
    assert done.code == 0, done
    found = json.loads(done.out)["keys"]
    assert not [name for key in found for name in SECRETS & key.keys()]
    return [key["kid"] for key in found]


def refused(done, *says):
    assert (done.code, done.out) == (2, ""), done
    assert all(text in done.err for text in says), done.err


def test_a_key_is_made_once_rotated_and_switched_to(everyauth):
    (first,) = kids(everyauth("service", "key", "acme"))
    assert kids(everyauth("service", "key", "acme", "-o", "json")) == [first]
    refused(everyauth("service", "key", "acme", "--switch"), "no next key", "everyauth service key acme --rotate")
    both = kids(everyauth("service", "key", "acme", "--rotate"))
    assert both[0] == first
    done = everyauth("service", "key", "acme", "--rotate")
    assert kids(done) == both
    assert "everyauth service key acme --switch" in done.err
    assert kids(everyauth("service", "key", "acme")) == both
    assert kids(everyauth("service", "key", "acme", "--switch")) == [both[1]]
    refused(everyauth("service", "key", "acme", "--rotate", "--switch"), "exclude each other")


def test_a_key_is_read_from_a_file_or_a_pipe_and_removed(everyauth, tmp_path):
    file, piped = new_private_key(), new_private_key(["EdDSA"])
    path = tmp_path / "key.json"
    path.write_text(file.reveal())
    assert everyauth("service", "set", "acme", "--client-id", "id", "--private-key", str(path)).code == 0
    assert kids(everyauth("service", "key", "acme")) == [public_fields(file)["kid"]]
    done = everyauth("service", "set", "acme", "--private-key", "-", input=piped.reveal())
    assert done.code == 0
    assert json.loads(piped.reveal())["d"] not in done.out + done.err
    assert kids(everyauth("service", "key", "acme")) == [public_fields(piped)["kid"]]
    assert everyauth("service", "set", "acme", "--private-key", "").code == 0
    refused(everyauth("login", "acme", "--client-credentials"), "yours has none", "everyauth service key acme")


def test_what_is_no_key_changes_nothing(everyauth, tmp_path):
    before = kids(everyauth("service", "key", "acme"))
    refused(everyauth("service", "set", "acme", "--private-key", str(tmp_path / "none")), "cannot read", "No such file")
    refused(everyauth("service", "set", "acme", "--private-key", str(tmp_path)), "cannot read", "directory")
    os.mkfifo(tmp_path / "pipe")
    refused(everyauth("service", "set", "acme", "--private-key", str(tmp_path / "pipe")), "standard input")
    (tmp_path / "der").write_bytes(b"\x30\x82\xff\xfe")
    refused(everyauth("service", "set", "acme", "--private-key", str(tmp_path / "der")), "not text", "-inform DER")
    refused(everyauth("service", "set", "acme", "--private-key", "-", input="hello"), "neither PEM nor a JWK")
    refused(everyauth("service", "set", "acme", "--private-key", "-", input=""), "is empty")
    refused(
        everyauth("service", "set", "acme", "--private-key", new_private_key().reveal()),
        "does not belong in a command line",
    )
    refused(
        everyauth("service", "set", "acme", "--private-key", "-", "--client-secret", "-", input="x"), "one at a time"
    )
    write_entry(everyauth.home, 'token_endpoint_auth_signing_alg_values_supported = ["RS256"]')
    refused(
        everyauth("service", "set", "acme", "--private-key", "-", input=new_private_key().reveal()),
        "(P-256) signs with none of RS256",
    )
    assert kids(everyauth("service", "key", "acme")) == before


def test_a_key_is_not_typed_at_a_terminal(everyauth):
    with terminal(
        [*everyauth.argv, "service", "set", "acme", "--private-key", "-"], everyauth.environment({"TERM": "dumb"})
    ) as typed:
        typed.wait_for("several lines")


def test_the_key_made_is_of_the_kind_that_the_service_takes(everyauth):
    write_entry(everyauth.home, 'token_endpoint_auth_signing_alg_values_supported = ["PS256", "ES256"]')
    (key,) = json.loads(everyauth("service", "key", "acme").out)["keys"]
    assert (key["kty"], key["alg"]) == ("RSA", "PS256")


def account_file(path, **changed):
    key = rsa.generate_private_key(65537, 2048)
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    fields = {
        "type": "service_account",
        "private_key_id": "0123abcd",
        "private_key": key.private_bytes(*form).decode(),
        "client_email": "robot@project.iam.gserviceaccount.com",
        "token_uri": "https://oauth2.googleapis.com/token",
        **changed,
    }
    path.write_text(json.dumps(fields))
    return fields


def test_a_service_account_s_file_sets_the_client_and_its_key(everyauth, tmp_path):
    path = tmp_path / "account.json"
    secret = account_file(path)["private_key"]
    done = everyauth("service", "set", "google-service-account", "--private-key", str(path))
    assert (done.code, done.out) == (0, ""), done
    assert "everyauth login google-service-account" in done.err
    assert "redirect URI" not in done.err
    assert secret not in done.out + done.err
    shown = json.loads(everyauth("service", "get", "google-service-account", "-o", "json").out)
    assert shown["configuration"]["clientId"] == "robot@project.iam.gserviceaccount.com"
    assert (shown["authorizationEndpoint"], shown["redirectUri"]) == (None, None)
    assert kids(everyauth("service", "key", "google-service-account")) == ["0123abcd"]
    given = ("service", "set", "google-service-account", "--client-id", "other", "--private-key", str(path))
    refused(everyauth(*given), "--client-id is other", "robot@project")


def test_a_key_file_of_another_client_changes_nothing_and_the_right_entry_is_named(everyauth, tmp_path):
    path = tmp_path / "account.json"
    account_file(path)
    right = "everyauth service set google-service-account --private-key FILE"
    refused(everyauth("service", "set", "google", "--private-key", str(path)), "none of Google", right)
    account_file(path, token_uri="https://evil.example/token")
    account = ("service", "set", "google-service-account", "--private-key", str(path))
    refused(everyauth(*account), "https://evil.example/token", "give the file of this service's client")
    account_file(path, type="authorized_user")
    refused(everyauth(*account), 'of the type "authorized_user"')
    path.write_text(new_private_key(["ES256"]).reveal())
    refused(everyauth(*account), "(P-256) signs with none of RS256")
    assert "not set" in everyauth("service", "get", "google-service-account").out
