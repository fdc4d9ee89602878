"""The encoding of Basic credentials (RFC 6749 section 2.3.1), and servers that do not decode them."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import unquote_plus

import pytest
from peers.token_server import TOKEN_ENDPOINT

from everyauth_cli.errors import ConfigurationProblem
from everyauth_cli.model import Client, Secret, Service
from everyauth_cli.oauth.token_endpoint import refresh_request
from everyauth_cli.services.rules import BasicEncoding, ClientAuthMethod

FORM = Service(
    name="example",
    title="Example",
    authorization_endpoint="https://issuer.example/authorize",
    token_endpoint=TOKEN_ENDPOINT,
    token_endpoint_auth_method=ClientAuthMethod.CLIENT_SECRET_BASIC,
)
RAW = replace(FORM, client_secret_basic_encoding=BasicEncoding.RAW)


def basic(service, client_id, secret):
    """Return the user name and password of a refresh."""
    client = Client(service="example", client_id=client_id, client_secret=Secret(secret))
    name, password = refresh_request(service, client, Secret("refresh")).basic
    return name, password.reveal()


@pytest.mark.parametrize("client_id", ["app", "a b", "ünï", "a+b%2F"])
@pytest.mark.parametrize("secret", ["s3c+ret/=", "a:b", "100%", "a b", "pä$$", "%2B", "~!*'()&?#\"\\"])
def test_basic_credentials_are_form_encoded_or_raw_as_the_server_reads_them(client_id, secret):
    name, password = basic(FORM, client_id, secret)
    assert (unquote_plus(name), unquote_plus(password)) == (client_id, secret)
    assert ":" not in name + password
    assert basic(RAW, client_id, secret) == (client_id, secret)


def test_a_client_id_with_a_colon_is_not_sent_raw():
    with pytest.raises(ConfigurationProblem, match="has a colon") as caught:
        basic(RAW, "urn:app", "secret")
    assert "client_secret_post" in caught.value.hint
    assert basic(FORM, "urn:app", "secret") == ("urn%3Aapp", "secret")
