"""The device authorization grant of the sandbox (RFC 8628), and logins by it."""

import time

import pytest
from peers.chromium import click, fill
from peers.visitor import CHALLENGE, VERIFIER, refused, shown_to_the_user, token_form, visiting

from everyauth_cli import EveryAuth
from everyauth_cli.errors import LoginDenied
from everyauth_cli.model import Secret
from everyauth_cli.sandbox.pytest_plugin import SandboxedCatalogue
from everyauth_cli.sandbox.server import CLIENT_ID, CLIENT_SECRET
from everyauth_cli.sandbox.user_agent import log_in
from everyauth_cli.store.memory import memory_store
from everyauth_cli.transport import send

NAME = "acme"
ENTRY = """
title = "Acme"
authorization_endpoint = "https://acme.example/authorize"
token_endpoint = "https://acme.example/token"
device_authorization_endpoint = "https://acme.example/device/code"
account_endpoint = "https://acme.example/me"
scopes = ["read"]
"""
GRANT = "urn:ietf:params:oauth:grant-type:device_code"


@pytest.fixture
def visitor(tmp_path):
    (tmp_path / f"{NAME}.toml").write_text(ENTRY)
    with visiting(tmp_path) as visitor:
        yield visitor


def codes(visitor, **fields):
    return visitor.http.post(f"/{NAME}/device_authorization", data=token_form(scope="read write", **fields)).json()


def poll(visitor, device_code, /, **fields):
    visitor.clock.tick(5)
    return visitor.http.post(f"/{NAME}/token", data=token_form(grant_type=GRANT, device_code=device_code, **fields))


def decide(visitor, user_code, decision="allow", user="bob"):
    form = {"user_code": user_code, "user": user, "decision": decision}
    return visitor.http.post(f"/{NAME}/device", data=form)


def test_the_codes_are_as_in_the_rfc(visitor):
    found = codes(visitor)
    page = f"{visitor.sandbox.base_url}/{NAME}/device"
    assert found["verification_uri"] == page
    assert found["verification_uri_complete"] == f"{page}?user_code={found['user_code']}"
    assert (found["expires_in"], found["interval"]) == (900, 5)
    assert found["user_code"].count("-") == 1


def test_a_token_comes_once_after_the_user_allowed_it(visitor):
    found = codes(visitor)
    refused(poll(visitor, found["device_code"]), 400, "authorization_pending")
    # People type it as they like.
    page = decide(visitor, found["user_code"].lower().replace("-", " "))
    assert "Device connected" in page.text
    tokens = poll(visitor, found["device_code"])
    assert (tokens.status_code, tokens.json()["scope"]) == (200, "read write")
    refused(poll(visitor, found["device_code"]), 400, "invalid_grant")
    refreshed = visitor.http.post(
        f"/{NAME}/token",
        data=token_form(grant_type="refresh_token", refresh_token=tokens.json()["refresh_token"]),
    )
    assert refreshed.status_code == 200


def test_the_user_denies(visitor):
    found = codes(visitor)
    assert "Access denied" in decide(visitor, found["user_code"], "deny").text
    refused(poll(visitor, found["device_code"]), 400, "access_denied")


def test_a_poll_that_comes_too_soon_slows_all_that_follow(visitor):
    device_code = codes(visitor)["device_code"]
    form = token_form(grant_type=GRANT, device_code=device_code)
    refused(visitor.http.post(f"/{NAME}/token", data=form), 400, "slow_down")
    refused(poll(visitor, device_code), 400, "slow_down")
    visitor.clock.tick(10)
    refused(poll(visitor, device_code), 400, "authorization_pending")


def test_a_code_expires(visitor):
    found = codes(visitor)
    visitor.clock.tick(900)
    refused(poll(visitor, found["device_code"]), 400, "expired_token")
    shown_to_the_user(decide(visitor, found["user_code"]))


def test_a_code_is_bound_to_its_verifier(visitor):
    found = codes(visitor, code_challenge=CHALLENGE, code_challenge_method="S256")
    decide(visitor, found["user_code"])
    refused(poll(visitor, found["device_code"]), 400, "invalid_grant")
    assert poll(visitor, found["device_code"], code_verifier=VERIFIER).status_code == 200


def test_another_client_is_refused(visitor):
    fields = {**token_form(), "client_secret": "wrong"}
    refused(visitor.http.post(f"/{NAME}/device_authorization", data=fields), 401, "invalid_client")


@pytest.mark.parametrize("form", [{"user_code": "WRONG"}, {}, {"decision": "allow", "user_code": "BBBB-BBBB"}])
def test_a_form_that_decides_nothing_is_refused(visitor, form):
    codes(visitor)
    shown_to_the_user(visitor.http.post(f"/{NAME}/device", data=form))


def test_the_page_shows_the_access_and_the_code(visitor):
    found = codes(visitor)
    page = visitor.http.get(found["verification_uri_complete"]).text
    assert found["user_code"] in page
    assert "<li>read</li>" in page
    assert "Code on the device" in visitor.http.get(found["verification_uri"]).text
    shown_to_the_user(visitor.http.get(f"/{NAME}/device?user_code=WRONG"))


def test_a_service_without_the_endpoint_has_neither_page_nor_grant(visitor):
    assert visitor.http.post("/pagerduty/device_authorization", data=token_form()).status_code == 404
    assert visitor.http.get("/pagerduty/device").status_code == 404
    form = token_form(grant_type=GRANT, device_code="any")
    refused(visitor.http.post("/pagerduty/token", data=form), 400, "unsupported_grant_type")


def now_ms():
    return time.time_ns() // 1_000_000


def auth_at(sandbox, own):
    return EveryAuth(
        store=memory_store(),
        catalogue=SandboxedCatalogue(own, sandbox.base_url),
        send=send,
        override=lambda _: (CLIENT_ID, Secret(CLIENT_SECRET)),
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", [NAME, "github", "gitlab", "google", "microsoft", "huggingface", "auth0"])
def test_a_login_by_a_code_that_the_user_agent_enters(tmp_path, name):
    (tmp_path / f"{NAME}.toml").write_text(ENTRY)
    with visiting(tmp_path, device_interval=1) as visitor:
        visitor.sandbox.clock = now_ms
        auth = auth_at(visitor.sandbox, tmp_path)
        pending = auth.begin_device(name)
        codes = pending.authorization
        page = codes.verification_uri_complete or f"{codes.verification_uri}?user_code={codes.user_code}"
        assert log_in(page) == "Device connected"
        identity = auth.keep(auth.redeem_device(pending))
        assert identity.service == name
        assert auth.get_identity(name).access_token
        assert identity.account
        assert visitor.sandbox.server(name).counts["slow_down"] == 0


@pytest.mark.slow
def test_a_login_that_the_user_denies(tmp_path):
    (tmp_path / f"{NAME}.toml").write_text(ENTRY)
    with visiting(tmp_path, device_interval=1) as visitor:
        visitor.sandbox.clock = now_ms
        auth = auth_at(visitor.sandbox, tmp_path)
        pending = auth.begin_device(NAME)
        assert log_in(pending.authorization.verification_uri_complete, allow=False) == "Access denied"
        with pytest.raises(LoginDenied):
            auth.redeem_device(pending)
        assert auth.find() == []


@pytest.mark.slow
@pytest.mark.parametrize(("button", "heading"), [("Allow", "Device connected"), ("Deny", "Access denied")])
def test_the_page_works_in_a_real_browser_under_its_own_policy(tmp_path, chromium, button, heading):
    with visiting(tmp_path) as visitor:
        visitor.sandbox.clock = now_ms
        codes = auth_at(visitor.sandbox, tmp_path).begin_device("github").authorization
        steps = fill("Code on the device", codes.user_code), click(button)
        page = chromium.visit(codes.verification_uri, *steps, width=360)
        assert (page.heading, page.complaints, page.outside) == (heading, [], [])
        assert page.width <= page.room
