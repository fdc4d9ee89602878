"""The connections page as JSON, for a front end that draws it by itself."""

from __future__ import annotations

import json

import pytest
from peers.connections import CONNECT, DISCONNECT
from peers.web_apps import BASE_URL, NAME, PAGE, PREFIX, Browser, stored

from everyauth_cli.web import ConnectionsPage

pytestmark = pytest.mark.slow

JSON = "application/json"


def shown(browser: Browser, url: str = PAGE) -> dict:
    response = browser.get(url, accept=JSON)
    assert (response.status, response["content-type"], response["vary"].lower()) == (200, JSON, "accept")
    return json.loads(response.text)


def posted(browser: Browser, url: str, **values: object):
    """Post JSON as a script of the app's own page does."""
    own = {"origin": BASE_URL, "sec_fetch_site": "same-origin", "content_type": JSON, "accept": JSON}
    return browser.get(url, method="POST", body=json.dumps(values).encode(), **own)


def test_the_list(world, app):
    world.log_in(NAME, "user-123", account="ann@example.com")
    page = ConnectionsPage(title="Apps", purposes={NAME: "Calls you"})
    content = shown(Browser(app({"services": {NAME: PREFIX, "slack": "/connect/slack"}, "page": page})))
    connected, other = content["connections"]
    assert (content["title"], content["notice"], bool(content["csrfToken"])) == ("Apps", None, True)
    assert (connected.pop("connectedAt")[-1], len(connected.pop("scopes"))) == ("Z", 2)
    assert connected == {
        "serviceId": NAME,
        "title": "PagerDuty",
        "purpose": "Calls you",
        "icon": {"letters": "P", "color": "#06ac38", "textColor": "#ffffff"},
        "state": "connected",
        "account": "ann@example.com (sandbox)",
        "actions": ["disconnect"],
    }
    assert (other["state"], other["account"], other["actions"]) == ("not_connected", None, ["connect"])


def test_a_service_is_connected_and_disconnected(world, page_browser):
    token = shown(page_browser)["csrfToken"]
    response = posted(page_browser, CONNECT, csrf_token=token, service=NAME)
    assert json.loads(response.text) == {"url": BASE_URL + PREFIX}

    world.log_in(NAME, "user-123")
    question = json.loads(posted(page_browser, DISCONNECT, csrf_token=token, service=NAME).text)
    assert (question["title"], len(question["ends"])) == ("Disconnect PagerDuty?", 2)
    assert len(world.auth.find()) == 1
    response = posted(page_browser, DISCONNECT, csrf_token=token, service=NAME, confirmed="yes")
    assert response.status == 303
    content = shown(page_browser, response["location"].removeprefix(BASE_URL))
    assert (content["notice"]["good"], content["connections"][0]["state"]) == (False, "not_connected")
    assert stored(world) == []


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"{", b'{"csrf_token": 1}', b"[" * 4000, b"\xff"])
def test_a_body_without_a_token_changes_nothing(world, page_browser, body):
    world.log_in(NAME, "user-123")
    response = page_browser.get(DISCONNECT, method="POST", body=body, accept=JSON, content_type=JSON)
    assert (response.status, json.loads(response.text)["error"]) == (403, "reload")
    assert len(world.auth.find()) == 1


def test_another_sites_script_does_nothing_even_with_a_token(world, page_browser):
    world.log_in(NAME, "user-123")
    token = shown(page_browser)["csrfToken"]
    body = json.dumps({"csrf_token": token, "service": NAME, "confirmed": "yes"}).encode()
    response = page_browser.get(
        DISCONNECT, method="POST", body=body, accept=JSON, content_type=JSON, origin="https://evil.example"
    )
    assert (response.status, len(world.auth.find())) == (403, 1)


def test_a_signed_out_user(app):
    browser = Browser(app({"sign_in_url": "/login"}), user="")
    response = browser.get(PAGE, accept=JSON)
    assert response.status == 401
    content = json.loads(response.text)
    assert (content["error"], content["url"]) == ("sign_in", f"{BASE_URL}/login")


@pytest.mark.parametrize("accept", ["", "*/*", "text/html,application/json;q=0.9", "application/xhtml+xml"])
def test_a_browser_gets_the_page(page_browser, accept):
    response = page_browser.get(PAGE, accept=accept)
    assert response["content-type"] == "text/html; charset=utf-8"
