"""The command with npm's oidc-provider, an independent authorization server."""

from __future__ import annotations

import json
import time

import httpx
import pytest
from peers.chromium import click, fill
from peers.oidc_provider import running
from peers.ports import free_port
from peers.sandbox import SEALED, authorization_url

pytestmark = pytest.mark.slow

LIFETIME = 3600
"""Seconds that the provider issues an access token for."""


@pytest.fixture(scope="module")
def provider():
    with running() as provider:
        yield provider


@pytest.fixture
def everyauth(everyauth, provider):
    """The command, with the service `op` added and its client set."""
    plain = everyauth.environment
    base = {**SEALED, "BROWSER": provider.browser()}
    everyauth.environment = lambda extra=None: plain({**base, **(extra or {})})
    add(everyauth, provider)
    return everyauth


def add(everyauth, provider, *, issuer: str = "", auth: str = "client_secret_basic", client: str = "web") -> None:
    ok(
        everyauth(
            *(
                "service",
                "add",
                "op",
                "--authorize-url",
                provider.authorization_endpoint,
                "--token-url",
                provider.token_endpoint,
            ),
            *("--issuer", issuer or provider.issuer, "--client-auth", auth, "--scope", "openid email api:read"),
        )
    )
    secret = ["--client-secret", provider.client_secret] if auth != "none" else []
    ok(everyauth("service", "set", "op", "--client-id", client, *secret, "--port", str(free_port())))


def ok(done) -> str:
    assert done.code == 0, done
    return done.out


def refused(done, code: int, *says: str) -> None:
    assert (done.code, done.out) == (code, ""), done
    assert "Traceback" not in done.err
    assert all(text in done.err for text in says), done.err


def who(provider, token: str) -> str:
    """Return the token's subject, as the provider's own userinfo endpoint names it."""
    with httpx.Client(trust_env=False) as client:
        response = client.get(provider.userinfo_url, headers={"Authorization": f"Bearer {token}"})
    return response.json()["sub"] if response.status_code == 200 else ""


def longer(everyauth):
    """Demand a token that lives longer than the one that was issued more than a second ago."""
    time.sleep(1.1)
    return everyauth("token", "op", "--min-ttl", f"{LIFETIME - 1}s")


@pytest.mark.parametrize(
    ("auth", "client"), [("client_secret_basic", "web"), ("client_secret_post", "web-post"), ("none", "native")]
)
def test_a_login_gives_a_token_that_the_provider_takes(everyauth, provider, auth, client):
    ok(everyauth("service", "rm", "op", "--yes"))
    add(everyauth, provider, auth=auth, client=client)
    done = everyauth("login", "op", "--user", "ann", env={"BROWSER": provider.browser("--user", "ann")})
    assert ok(done) == ""
    assert 'Logged in to op as ann (user "ann").' in done.err
    assert "warning" not in done.err
    credential = json.loads(ok(everyauth("identity", "get", "ann")))
    assert who(provider, credential["accessToken"]) == "ann"
    assert credential["native"]["scope"] == "openid email api:read"
    assert "refresh_token" not in json.dumps(credential)


def test_a_server_is_added_by_its_issuer_alone(everyauth, provider):
    ok(everyauth("service", "rm", "op", "--yes"))
    ok(everyauth("service", "add", "op", "--issuer", provider.issuer))
    secret = ["--client-secret", provider.client_secret]
    ok(everyauth("service", "set", "op", "--client-id", "web", *secret, "--port", str(free_port())))
    done = everyauth("login", "op", env={"BROWSER": provider.browser("--user", "ann")})
    assert ok(done) == ""
    assert "Logged in to op as ann" in done.err
    assert who(provider, ok(everyauth("token", "op")).strip()) == "ann"
    assert "# op agrees with " in ok(everyauth("service", "check", "op"))
    added = everyauth("service", "add", provider.issuer)
    assert added.code == 0, added
    assert "Added 127-0-0-1 in " in added.err
    refused(everyauth("service", "add", "no", "--issuer", f"{provider.issuer}/no"), 5, "publishes no metadata")
    refused(everyauth("service", "add", "no"), 2, "neither an issuer nor both endpoints are given")


def test_every_refresh_rotates_and_reuse_would_be_detected(everyauth, provider):
    ok(everyauth("login", "op"))
    tokens = [ok(everyauth("token", "op")).strip()]
    tokens += [ok(longer(everyauth)).strip() for _ in range(3)]
    assert len(set(tokens)) == 4
    assert who(provider, tokens[-1]) == "alice"

    # An older state of the store, as in a restored backup: its refresh token was used already.
    database = everyauth.home / "everyauth.db"
    older = database.read_bytes()
    latest = ok(longer(everyauth)).strip()
    database.write_bytes(older)
    done = longer(everyauth)
    refused(done, 4, 'user "me" must log in at op again', "invalid_grant", "everyauth login op")
    assert who(provider, latest) == ""
    assert json.loads(ok(everyauth("identity", "ls", "-o", "json")))["items"][0]["loginRequired"]


def test_a_narrower_grant_is_a_warning_and_stays_narrow(everyauth, provider):
    # `BROWSER` is a list with colons between, so no scope with one can be dropped here.
    browser = provider.browser("--drop", "email")
    done = everyauth("login", "op", env={"BROWSER": browser})
    assert ok(done) == ""
    assert "warning: op granted fewer scopes than requested: email is missing; it granted openid api:read" in done.err
    token = ok(everyauth("token", "op")).strip()
    assert ok(everyauth("token", "op", "--rejected", input=token)).strip() != token
    assert json.loads(ok(everyauth("identity", "get", "me")))["native"]["scope"] == "openid api:read"


def test_a_denial_ends_the_login(everyauth, provider):
    refused(everyauth("login", "op", env={"BROWSER": provider.browser("--deny")}), 4, "access was denied at op")
    refused(everyauth("token", "op"), 4, "everyauth login op")


def test_a_code_from_another_issuer_is_not_redeemed(everyauth, provider):
    ok(everyauth("service", "rm", "op", "--yes"))
    add(everyauth, provider, issuer="https://auth.example")
    refused(everyauth("login", "op"), 4, "https://auth.example", "RFC 9207", "not redeemed")
    refused(everyauth("token", "op"), 4)


def test_a_provider_that_allows_any_port_gets_a_free_one(everyauth, provider):
    ok(everyauth("service", "rm", "op", "--yes"))
    (everyauth.home / "services" / "op.toml").write_text(
        f'authorization_endpoint = "{provider.authorization_endpoint}"\ntoken_endpoint = "{provider.token_endpoint}"\n'
        'token_endpoint_auth_method = "none"\nscopes = ["openid"]\nany_port = true\n'
    )
    assert ok(everyauth("service", "set", "op", "--client-id", "native")) == "http://127.0.0.1/callback/op\n"
    process = everyauth.start("login", "op", "--no-browser")
    url = authorization_url(process)
    assert "%3A28282%2F" not in url
    provider.play(url)
    assert process.wait(60) == 0
    assert who(provider, ok(everyauth("token", "op")).strip()) == "alice"


@pytest.mark.parametrize(("button", "code", "heading"), [("Allow", 0, "Logged in to op"), ("Deny", 4, "Access denied")])
def test_a_real_browser_goes_through_its_pages_to_ours(everyauth, chromium, button, code, heading):
    process = everyauth.start("login", "op", "--user", "ann", "--no-browser")
    page = chromium.visit(authorization_url(process), fill("Login", "ann"), click("Log in"), click(button))
    out, _ = process.communicate(timeout=60)
    assert (process.returncode, out, page.heading) == (code, "", heading)
    assert page.address.endswith("/callback/op")
    assert page.outside == []
    assert "ann" in page.text
