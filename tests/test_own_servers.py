"""A server that somebody made with Authlib, and a client secret in which every character needs care."""

from __future__ import annotations

import json
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
from peers.authlib_server import RegisteredClient, authlib_server

from everyauth_cli.errors import ClientRejected
from everyauth_cli.everyauth import EveryAuth
from everyauth_cli.flows.freshness import now_ms
from everyauth_cli.model import Secret
from everyauth_cli.services.catalogue import Catalogue
from everyauth_cli.store.memory import memory_store
from everyauth_cli.transport import send

pytestmark = pytest.mark.slow

CLIENT_ID = "my-app/ünï"
LIFETIME_MS = 11 * 24 * 3600 * 1000
"""More than the lifetime of the server's tokens."""
SECRET = "a+b/c=d:e%f%2Bg&h?i#ü"
REDIRECT_URI = "http://127.0.0.1:28282/callback/mine"


class Person:
    """An EveryAuth with the server as its service `mine`, and the browser of its user."""

    def __init__(self, url, directory, **keys):
        entry = {
            "authorization_endpoint": f"{url}/authorize",
            "token_endpoint": f"{url}/token",
            "revocation_endpoint": f"{url}/revoke",
            "account_endpoint": f"{url}/me",
            "scopes": ["read"],
            **keys,
        }
        (directory / "mine.toml").write_text("".join(f"{key} = {json.dumps(v)}\n" for key, v in entry.items()))
        self.url, self.warnings, self.waited = url, [], 0
        self.auth = EveryAuth(
            store=memory_store(),
            catalogue=Catalogue(directory),
            send=send,
            warn=self.warnings.append,
            clock=lambda: now_ms() + self.waited,
        )
        service = self.auth.catalogue.get("mine")
        self.auth.clients.set(service, client_id=CLIENT_ID, client_secret=Secret(SECRET))

    def named(self, token):
        """The status with which the server names the account of a token."""
        with httpx.Client(trust_env=False) as client:
            return client.get(f"{self.url}/me", headers={"Authorization": f"Bearer {token}"}).status_code

    def log_in(self):
        pending = self.auth.begin("mine", redirect_uri=REDIRECT_URI)
        with httpx.Client(trust_env=False) as browser:
            response = browser.get(self.auth.authorization_url(pending))
        query = urlsplit(response.headers["location"]).query
        return self.auth.keep(self.auth.redeem(pending, parse_qsl(query)))


@pytest.mark.parametrize("token", ["client_secret_basic", "client_secret_post"])
@pytest.mark.parametrize("revocation", ["client_secret_basic", "client_secret_post"])
def test_a_secret_of_special_characters_logs_in_refreshes_and_revokes(tmp_path, token, revocation):
    client = RegisteredClient(CLIENT_ID, SECRET, {"token": token, "revocation": revocation})
    with authlib_server(client) as url:
        keys = {"token_endpoint_auth_method": token}
        if revocation != token:
            keys["revocation_endpoint_auth_method"] = revocation
        person = Person(url, tmp_path, **keys)
        identity = person.log_in()
        assert identity.account.label == "ann@example.test"
        tokens = []
        for _ in range(3):
            tokens.append(person.auth.get_identity("mine").access_token)
            assert person.named(tokens[-1]) == 200
            person.waited += LIFETIME_MS
        assert len(set(tokens)) == 3
        revoked = person.auth.delete_identity("mine", user="me")
    assert not revoked.not_revoked
    assert person.warnings == []


def test_another_method_than_the_client_is_registered_for_is_the_first_cause(tmp_path):
    client = RegisteredClient(CLIENT_ID, SECRET, {"token": "client_secret_post", "revocation": "client_secret_post"})
    with authlib_server(client) as url:
        person = Person(url, tmp_path, token_endpoint_auth_method="client_secret_basic")
        with pytest.raises(ClientRejected, match="invalid_client") as caught:
            person.log_in()
    assert caught.value.hint.startswith("check the method, now client_secret_basic")
