"""The CSRF tokens and flash messages of the connections page, in every framework."""

from __future__ import annotations

import pytest
from peers.connections import CONNECT, DISCONNECT, confirmed, notices
from peers.web_apps import BASE_URL, FORM_TYPE, FRAMEWORKS, NAME, OFFERED, PAGE, PREFIX, Browser, stored

from everyauth_cli.everyauth import EveryAuth
from everyauth_cli.transport import send

pytestmark = pytest.mark.slow

HOUR = 3600


@pytest.mark.parametrize("action", [CONNECT, DISCONNECT])
@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "http://app.example"},
        {"origin": "https://app.example.evil.example"},
        {"origin": "null"},
        {"origin": "", "sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
        {"sec_fetch_site": "none"},
    ],
)
def test_a_form_of_another_site_is_refused(world, page_browser, action, headers, caplog):
    world.log_in(NAME, "user-123")
    response = page_browser.post(action, confirmed(page_browser), **headers)
    assert response.status == 403
    assert "Load the page again" in response.text
    assert f'<a class="action" href="{BASE_URL}{PAGE}">' in response.text
    assert stored(world) == ["identity"]
    assert ("a form came from" in caplog.text) == (headers.get("origin", "") != "")


def test_a_browser_that_sends_neither_header_needs_only_the_token(world, page_browser):
    world.log_in(NAME, "user-123")
    assert page_browser.post(DISCONNECT, confirmed(page_browser), origin="", sec_fetch_site="").status == 303
    assert stored(world) == []


def test_the_origin_is_as_browsers_write_it(world, app):
    browser = Browser(app({"base_url": "https://App.Example:443/"}))
    world.log_in(NAME, "user-123")
    assert browser.post(DISCONNECT, confirmed(browser)).status == 303


@pytest.mark.parametrize(
    "change", [lambda _: "", lambda token: token[:-8] + "A" * 8, lambda token: token[:-2], str.lower]
)
def test_a_form_without_its_token_is_refused(world, page_browser, change):
    world.log_in(NAME, "user-123")
    posted = confirmed(page_browser)
    posted["csrf_token"] = change(posted["csrf_token"])
    assert page_browser.post(DISCONNECT, posted).status == 403
    assert page_browser.post(DISCONNECT, {"service": NAME}).status == 403
    assert stored(world) == ["identity"]


def test_another_users_form_is_refused(world, page_browser):
    for user in ("user-123", "user-456"):
        world.log_in(NAME, user)
    others = confirmed(Browser(page_browser.ask, user="user-456"))
    assert page_browser.post(DISCONNECT, others).status == 403
    assert len(world.auth.find()) == 2


def test_another_users_form_is_refused_in_a_shared_tenant(app):
    ask = app({"map_to_tenant_id": lambda _: "both"})
    assert Browser(ask).post(CONNECT, confirmed(Browser(ask, user="user-456"))).status == 403


def test_a_form_is_refused_in_another_tenant_page_or_profile(world, app):
    tenant = {"map_to_tenant_id": lambda request: request.headers.get("x-tenant")}
    browser = Browser(app(tenant), tenant="one")
    posted = confirmed(browser)
    assert browser.post(CONNECT, posted).status == 200
    browser.tenant = "two"
    assert browser.post(CONNECT, posted).status == 403
    elsewhere = Browser(app({**tenant, "prefix": "/other"}), tenant="one")
    assert elsewhere.post("/other/connect", posted).status == 403
    auth = EveryAuth(store=world.auth.store, catalogue=world.auth.catalogue, send=send, profile="staging")
    assert Browser(app({**tenant, "auth": auth}), tenant="one").post(CONNECT, posted).status == 403


def test_a_form_is_refused_after_signing_out(world, page_browser):
    world.log_in(NAME, "user-123")
    posted = confirmed(page_browser)
    page_browser.user = ""
    assert page_browser.post(DISCONNECT, posted).status == 401
    assert stored(world) == ["identity"]


@pytest.mark.parametrize(("seconds", "status"), [(HOUR - 10, 200), (HOUR, 403)])
def test_a_form_is_valid_for_an_hour(world, page_browser, seconds, status):
    posted = confirmed(page_browser)
    world.advance(seconds)
    assert page_browser.post(CONNECT, posted).status == status


def test_a_flash_message_is_no_csrf_token_and_the_reverse(world, page_browser):
    world.log_in(NAME, "user-123")
    posted = confirmed(page_browser)
    flash = page_browser.post(DISCONNECT, posted).fields["flash"]
    assert page_browser.post(CONNECT, {**posted, "csrf_token": flash}).status == 403
    assert notices(page_browser.get(f"{PAGE}?flash={posted['csrf_token']}").text) == []


def test_a_flash_message_is_shown_to_its_user_for_an_hour(world, page_browser):
    world.log_in(NAME, "user-123")
    where = page_browser.post(DISCONNECT, confirmed(page_browser))["location"].removeprefix(BASE_URL)
    assert notices(page_browser.get(where).text)
    assert notices(Browser(page_browser.ask, user="user-456").get(where).text) == []
    world.advance(HOUR)
    assert notices(page_browser.get(where).text) == []


def test_a_form_that_is_too_large_is_refused(world, page_browser):
    posted = {**confirmed(page_browser), "more": "x" * 5000}
    assert page_browser.post(CONNECT, posted).status == 403
    assert page_browser.post(CONNECT, {**posted, "more": "x" * 3000}).status == 200


@pytest.mark.parametrize("length", ["", "nonsense"])
@pytest.mark.parametrize("framework", ["flask", "django"])
def test_a_form_without_a_length_is_refused(world, framework, length):
    usual = {"map_to_user_id": lambda _: "user-123", "base_url": BASE_URL, "auth": world.auth}
    ask = FRAMEWORKS[framework](
        {"services": OFFERED, "prefix": PAGE, **usual}, prefix=PREFIX, finished_url="/", **usual
    )
    headers = {"content-type": FORM_TYPE, "content-length": length}
    assert ask("POST", CONNECT, headers, b"csrf_token=x").status == 403


@pytest.mark.parametrize("method", ["HEAD", "POST", "PUT", "DELETE"])
def test_the_page_takes_only_get(page_browser, method):
    response = page_browser.get(PAGE, method=method)
    assert response.status == 405
    assert "GET" in response["allow"]


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT"])
def test_the_forms_take_only_post(world, page_browser, method):
    world.log_in(NAME, "user-123")
    for action in (CONNECT, DISCONNECT):
        response = page_browser.get(action, method=method)
        assert response.status == 405
        assert "POST" in response["allow"]
    assert stored(world) == ["identity"]
