"""The real authorization server is as strict as the tests that use it need it to be."""

from __future__ import annotations

import base64
import hashlib
import subprocess
import sys
from urllib.parse import urlencode

import httpx
import pytest
from peers.callback import LAST_PAGE, Callback
from peers.oidc_provider import HERE, OidcProvider, running

VERIFIER = "a-verifier-of-forty-three-characters-or-more"
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()


def login_url(provider: OidcProvider, callback: Callback, *, client: str = "native", **extra: str) -> str:
    query = {
        "response_type": "code",
        "client_id": client,
        "redirect_uri": callback.uri,
        "scope": "openid email api:read api:write",
        "state": "state",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
        **extra,
    }
    return f"{provider.authorization_endpoint}?{urlencode(query)}"


def post(provider: OidcProvider, auth: tuple[str, str] | None = None, **fields: str) -> httpx.Response:
    with httpx.Client(trust_env=False) as client:
        return client.post(provider.token_endpoint, data=fields, auth=auth)


def redeem(provider: OidcProvider, callback: Callback, **fields: str) -> httpx.Response:
    grant = {"grant_type": "authorization_code", "redirect_uri": callback.uri, "code_verifier": VERIFIER}
    return post(provider, **{"client_id": "native", "code": callback.query["code"], **grant, **fields})


def refresh(provider: OidcProvider, token: str) -> httpx.Response:
    return post(provider, grant_type="refresh_token", client_id="native", refresh_token=token)


def userinfo(provider: OidcProvider, token: str) -> httpx.Response:
    with httpx.Client(trust_env=False) as client:
        return client.get(provider.userinfo_url, headers={"Authorization": f"Bearer {token}"})


def test_a_login_gives_a_token_that_the_resource_server_takes(oidc_provider, callback):
    page = oidc_provider.play(login_url(oidc_provider, callback), user="user-123")
    token = redeem(oidc_provider, callback).json()
    assert page == LAST_PAGE
    assert (callback.query["state"], callback.query["iss"]) == ("state", oidc_provider.issuer)
    assert token["scope"] == "openid email api:read api:write"
    account = userinfo(oidc_provider, token["access_token"]).json()
    assert (account["sub"], account["email"]) == ("user-123", "user-123@example.test")


def test_a_code_is_worth_nothing_without_its_verifier(oidc_provider, callback):
    oidc_provider.play(login_url(oidc_provider, callback))
    response = redeem(oidc_provider, callback, code_verifier=VERIFIER[::-1])
    assert (response.status_code, response.json()["error"]) == (400, "invalid_grant")


def test_a_login_without_pkce_is_refused(oidc_provider, callback):
    oidc_provider.play(login_url(oidc_provider, callback, code_challenge="", code_challenge_method=""))
    assert callback.query["error"] == "invalid_request"


def test_a_refresh_token_is_valid_once_and_its_reuse_ends_the_grant(oidc_provider, callback):
    oidc_provider.play(login_url(oidc_provider, callback))
    first = redeem(oidc_provider, callback).json()
    second = refresh(oidc_provider, first["refresh_token"]).json()
    assert second["refresh_token"] != first["refresh_token"]
    assert userinfo(oidc_provider, second["access_token"]).status_code == 200

    assert refresh(oidc_provider, first["refresh_token"]).json()["error"] == "invalid_grant"
    assert refresh(oidc_provider, second["refresh_token"]).json()["error"] == "invalid_grant"
    assert userinfo(oidc_provider, second["access_token"]).status_code == 401


def test_a_person_can_deny(oidc_provider, callback):
    assert oidc_provider.deny(login_url(oidc_provider, callback)) == LAST_PAGE
    assert callback.query["error"] == "access_denied"
    assert (callback.query["state"], callback.query["iss"]) == ("state", oidc_provider.issuer)


def test_a_person_can_grant_less_than_was_asked_for(oidc_provider, callback):
    oidc_provider.play(login_url(oidc_provider, callback), drop_scopes=["api:write"])
    token = redeem(oidc_provider, callback).json()
    assert token["scope"] == "openid email api:read"
    assert refresh(oidc_provider, token["refresh_token"]).json()["scope"] == "openid email api:read"


def test_a_confidential_client_has_to_show_its_secret_in_the_header(oidc_provider, callback):
    oidc_provider.play(login_url(oidc_provider, callback, client="web"))
    assert redeem(oidc_provider, callback, client_id="web").json()["error"] == "invalid_client"
    fields = {"grant_type": "authorization_code", "redirect_uri": callback.uri, "code_verifier": VERIFIER}
    auth = ("web", oidc_provider.client_secret)
    assert post(oidc_provider, auth, code=callback.query["code"], **fields).status_code == 200


def test_a_confidential_client_has_to_show_its_secret_in_the_body(oidc_provider, callback):
    oidc_provider.play(login_url(oidc_provider, callback, client="web-post"))
    refused = redeem(oidc_provider, callback, client_id="web-post", client_secret="wrong")
    assert refused.json()["error"] == "invalid_client"
    response = redeem(oidc_provider, callback, client_id="web-post", client_secret=oidc_provider.client_secret)
    assert response.status_code == 200


def test_an_unregistered_redirect_uri_shows_an_error_and_is_not_called(oidc_provider, callback):
    page = oidc_provider.play(login_url(oidc_provider, callback, redirect_uri=callback.uri + "-else"))
    assert "invalid_redirect_uri" in page
    assert callback.query == {}


def test_the_lifetime_of_an_access_token_can_be_chosen(callback):
    with running(access_token_lifetime=7) as provider:
        provider.play(login_url(provider, callback))
        assert redeem(provider, callback).json()["expires_in"] == 7


@pytest.mark.parametrize(("options", "parameter"), [((), "code"), (("--deny",), "error")])
def test_the_browser_command_plays_the_person_and_says_nothing(oidc_provider, callback, tmp_path, options, parameter):
    page = tmp_path / "page.html"
    command = [sys.executable, HERE / "op_browser.py", *options, "--page", page, login_url(oidc_provider, callback)]
    done = subprocess.run(command, capture_output=True, check=True, timeout=60)
    assert (done.stdout, done.stderr) == (b"", b"")
    assert parameter in callback.query
    assert page.read_text() == LAST_PAGE
