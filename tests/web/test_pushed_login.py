"""Logins of a web app's users at a service that takes pushed requests only (RFC 9126)."""

from urllib.parse import parse_qsl, urlsplit

import pytest
from peers.web_apps import BASE_URL, CALLBACK, NAME, PREFIX, decide

from everyauth_cli.sandbox.pytest_plugin import EveryAuthSandbox
from everyauth_cli.sandbox.server import Sandbox
from everyauth_cli.services.catalogue import Catalogue

pytestmark = pytest.mark.slow
ENTRY = """
pushed_authorization_request_endpoint = "https://identity.pagerduty.com/oauth/par"
require_pushed_authorization_requests = true
"""
LARGEST = 4096


@pytest.fixture
def world(tmp_path):
    (tmp_path / "pagerduty.toml").write_text(ENTRY)
    with Sandbox(Catalogue(tmp_path), redirect_uri=BASE_URL + CALLBACK) as sandbox:
        yield EveryAuthSandbox(sandbox, tmp_path)


def test_a_user_logs_in_and_the_request_is_pushed_once(world, browser):
    url = browser.start()
    assert [name for name, _ in parse_qsl(urlsplit(url).query)] == ["client_id", "request_uri"]
    ended = browser.callback(decide(url))
    assert ended["location"] == f"{BASE_URL}/done?serviceId=pagerduty&userId=user-123&tenantId=user-123"
    credential = world.auth.get_identity(NAME, "user-123")
    assert world.sandbox.server(NAME).user(credential.access_token) == "user@example.com"
    assert world.sandbox.server(NAME).counts["push"] == 1


def test_the_cookies_of_many_logins_stay_small_enough_for_any_server(browser):
    for _ in range(8):
        browser.get(PREFIX)
    assert sum(len(name) + len(value) + 3 for name, value in browser.cookies.items()) < LARGEST


def test_a_push_that_fails_sends_the_user_back_to_the_app(world, browser):
    world.redirect_uri = f"{BASE_URL}/elsewhere"
    ended = browser.get(PREFIX)
    assert ended["location"].startswith(f"{BASE_URL}/done?error=")
