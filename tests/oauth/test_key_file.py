"""The file of a private key: a service account's JSON names the client too."""

from __future__ import annotations

import json

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from everyauth_cli.errors import UsageProblem
from everyauth_cli.model import Secret
from everyauth_cli.oauth.jose import new_private_key
from everyauth_cli.oauth.jwk import algorithm_of, public_fields
from everyauth_cli.oauth.key_file import read_key_file

PEM = (
    rsa.generate_private_key(65537, 2048)
    .private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    .decode()
)
FILE = {
    "type": "service_account",
    "project_id": "project",
    "private_key_id": "0123abcd",
    "private_key": PEM,
    "client_email": "robot@project.iam.gserviceaccount.com",
    "client_id": "1234567890",
    "token_uri": "https://oauth2.googleapis.com/token",
}


def read(fields):
    return read_key_file(Secret(fields if isinstance(fields, str) else json.dumps(fields)))


def test_a_service_account_s_file_names_the_client_and_the_key():
    file = read(FILE)
    assert (file.client_id, file.token_endpoint) == (FILE["client_email"], FILE["token_uri"])
    assert public_fields(file.key)["kid"] == "0123abcd"
    assert algorithm_of(file.key, ("RS256",)) == "RS256"


def test_a_key_alone_names_no_client():
    for text in (PEM, new_private_key().reveal()):
        file = read(text)
        assert (file.client_id, file.token_endpoint) == ("", "")


@pytest.mark.parametrize("kind", ["authorized_user", "external_account", "impersonated_service_account", 7, "a\nb"])
def test_a_file_of_another_type_is_refused_and_the_type_named(kind):
    with pytest.raises(UsageProblem, match="is of the type") as raised:
        read({"type": kind, "client_id": "x", "client_secret": "s3cret", "refresh_token": "r3fresh"})
    text = raised.value.message + str(raised.value.hint)
    assert str(kind).partition("\n")[0] in text
    assert "s3cret" not in text
    assert "r3fresh" not in text
    assert "\n" not in text


@pytest.mark.parametrize("name", ["private_key", "private_key_id", "client_email", "token_uri"])
@pytest.mark.parametrize("value", [None, "", 7, {}])
def test_a_file_that_lacks_a_field_is_refused_and_the_field_named(name, value):
    with pytest.raises(UsageProblem, match=f"has no {name}"):
        read({**FILE, name: value})


@pytest.mark.parametrize("key", ["no key", PEM.replace("PRIVATE", "PUBLIC"), PEM[:200]])
def test_a_file_whose_key_is_none_is_refused_without_repeating_it(key):
    with pytest.raises(UsageProblem) as raised:
        read({**FILE, "private_key": key})
    assert key not in raised.value.message


@pytest.mark.parametrize(
    "text", ["", "hello", "[]", '"text"', "{}", '{"installed": {"client_id": "x"}}', "[" * 100_000]
)
def test_what_is_no_key_file_is_no_key(text):
    with pytest.raises(UsageProblem):
        read(text)
