"""Logins of a web app's users at the sandbox, over HTTP, in every framework."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qsl, urlsplit

import pytest
from peers.web_apps import BASE_URL, CALLBACK, NAME, OWN, PREFIX, Browser, decide, redeemed, stored

pytestmark = pytest.mark.slow

FINISHED = f"{BASE_URL}/done"
MINUTE = 60


def test_a_user_logs_in_and_the_app_has_a_credential(world, browser):
    url = browser.start()
    assert url.startswith(f"{world.sandbox.base_url}/{NAME}/authorize?")
    assert dict(parse_qsl(urlsplit(url).query))["redirect_uri"] == BASE_URL + CALLBACK
    ended = browser.callback(decide(url))
    assert ended["location"] == f"{FINISHED}?serviceId=pagerduty&userId=user-123&tenantId=user-123"
    credential = world.auth.get_identity(NAME, "user-123")
    assert world.sandbox.server(NAME).user(credential.access_token) == "user@example.com"
    assert browser.cookies == {}


def test_a_tenant_and_a_scope_of_its_own(world, app):
    ask = app(map_to_tenant_id=lambda request: request.headers.get("x-tenant"), scope="read")
    browser = Browser(ask, tenant="tenant 7&x=y")
    url = browser.start()
    assert dict(parse_qsl(urlsplit(url).query))["scope"] == "read"
    assert browser.callback(decide(url)).fields == {"serviceId": NAME, "userId": "user-123", "tenantId": "tenant 7&x=y"}
    assert [identity.tenant for identity in world.auth.find(user="user-123")] == ["tenant 7&x=y"]


@pytest.mark.parametrize(
    ("finished_url", "before"),
    [
        ("/done?from=us#top", f"{FINISHED}?from=us&serviceId="),
        ("https://front.example/", "https://front.example/?serviceId="),
    ],
)
def test_the_finished_url_keeps_its_own_query(app, finished_url, before):
    browser = Browser(app(finished_url=finished_url))
    ended = browser.callback(decide(browser.start()))
    assert ended["location"].startswith(before)
    assert ended["location"].endswith("#top") == ("#" in finished_url)


def test_other_paths_below_the_prefix_stay_with_the_app(browser):
    assert OWN in browser.get(f"{PREFIX}/finished").text
    assert browser.get(f"{PREFIX}/elsewhere").status == 404


def test_each_login_has_a_cookie_of_its_own(browser):
    (cookie,) = browser.get(PREFIX).cookies
    assert cookie.key.startswith("__Host-everyauth-")
    assert (cookie["secure"], cookie["httponly"], cookie["path"], cookie["domain"]) == (True, True, "/", "")
    assert (cookie["samesite"].lower(), int(cookie["max-age"])) == ("lax", 10 * MINUTE)
    (other,) = browser.get(PREFIX).cookies
    assert other.key != cookie.key


def test_the_cookie_is_deleted_with_the_same_attributes(browser):
    url = browser.start()
    (cookie,) = browser.callback(decide(url)).cookies
    assert cookie.key.startswith("__Host-everyauth-")
    assert (cookie.value, int(cookie["max-age"]), cookie["path"], cookie["secure"]) == ("", 0, "/", True)


def test_on_http_loopback_the_cookie_has_another_name(world, app):
    world.sandbox.redirect_uri = f"http://localhost:8000{CALLBACK}"
    (cookie,) = Browser(app(base_url="http://localhost:8000/")).get(PREFIX).cookies
    assert cookie.key.startswith("everyauth-")
    assert (bool(cookie["secure"]), cookie["httponly"]) == (False, True)


def test_the_cookie_shows_nothing_of_the_login(world, browser):
    url = browser.start()
    query = dict(parse_qsl(urlsplit(url).query))
    (value,) = browser.cookies.values()
    assert not [word for word in (query["state"], "user-123") if word in value]


def test_two_tabs_at_once(world, browser):
    one, two = browser.start(), browser.start()
    assert browser.callback(decide(two)).fields["serviceId"] == NAME
    assert browser.callback(decide(one)).fields["serviceId"] == NAME
    assert redeemed(world) == 2


def test_a_sixth_tab_replaces_the_first(world, browser):
    browser.cookies["__Host-everyauth-session"] = "own"
    urls = []
    for _ in range(6):
        urls.append(browser.start())
        world.advance(1)
    assert len(browser.cookies) == 5 + 1
    assert browser.callback(decide(urls[0])).status == 400
    assert browser.callback(decide(urls[1])).status == 303


def test_another_browser_cannot_finish_a_login(world, browser):
    came_back = decide(browser.start())
    response = Browser(browser.ask).callback(came_back)
    assert response.status == 400
    assert "This login was not started here" in response.text
    assert f'<a class="action" href="{BASE_URL}{PREFIX}">Start again</a>' in response.text
    assert response["content-security-policy"].startswith("default-src 'none'")
    assert response["cache-control"] == "no-store"
    assert redeemed(world) == 0
    assert browser.callback(came_back).status == 303


@pytest.mark.parametrize("query", ["", "?code=x", "?state=", "?state=x&code=y", "?error=access_denied", "?state=%ff"])
def test_a_response_to_no_login_ends_none(browser, query):
    browser.start()
    assert browser.get(CALLBACK + query).status == 400
    assert len(browser.cookies) == 1


def test_a_code_is_redeemed_once(world, browser):
    came_back = decide(browser.start())
    kept = dict(browser.cookies)
    assert browser.callback(came_back).status == 303
    assert browser.callback(came_back).status == 400
    browser.start()
    again = Browser(browser.ask, cookies=kept).callback(came_back)
    assert (again.status, "finished already" in again.text) == (400, True)
    assert (redeemed(world), world.sandbox.server(NAME).counts["code_replay"]) == (1, 0)


def test_a_code_that_comes_twice_at_once_is_redeemed_once(world, browser):
    came_back = decide(browser.start())
    browsers = [Browser(browser.ask, cookies=dict(browser.cookies)) for _ in range(4)]
    with ThreadPoolExecutor(4) as threads:
        statuses = list(threads.map(lambda browser: browser.callback(came_back).status, browsers))
    assert sorted(statuses) == [303, 400, 400, 400]
    assert (redeemed(world), world.sandbox.server(NAME).counts["invalid_grant"]) == (1, 0)


@pytest.mark.parametrize(("seconds", "status"), [(10 * MINUTE - 10, 303), (10 * MINUTE, 400)])
def test_a_login_expires_after_ten_minutes(world, browser, seconds, status):
    url = browser.start()
    world.advance(seconds)
    response = browser.callback(decide(url))
    assert response.status == status
    assert redeemed(world) == (1 if status == 303 else 0)


def test_another_user_cannot_finish_a_login(world, browser):
    came_back = decide(browser.start())
    browser.user = "user-456"
    response = browser.callback(came_back)
    assert (response.status, "Another user started this login" in response.text) == (403, True)
    browser.user = ""
    response = browser.callback(came_back)
    assert (response.status, "You are no longer signed in" in response.text) == (401, True)
    assert (redeemed(world), stored(world)) == (0, [])
    browser.user = "user-123"
    assert browser.callback(came_back).status == 303


def test_another_tenant_cannot_finish_a_login(world, app):
    browser = Browser(app(map_to_tenant_id=lambda request: request.headers.get("x-tenant")), tenant="one")
    came_back = decide(browser.start())
    browser.tenant = "two"
    assert browser.callback(came_back).status == 403
    browser.tenant = ""
    assert browser.callback(came_back).status == 401
    assert redeemed(world) == 0


def test_a_signed_out_user_cannot_start_a_login(world, browser):
    browser.user = ""
    response = browser.get(PREFIX)
    assert (response.status, response.cookies) == (401, [])
    assert "Sign in first" in response.text


def test_logins_that_are_only_started_store_nothing(world, browser):
    for _ in range(3):
        Browser(browser.ask).start()
    assert stored(world) == []
    browser.callback(decide(browser.start()))
    assert stored(world) == ["identity", "web-replay-marker"]


@pytest.mark.parametrize("method", ["HEAD", "POST"])
def test_other_methods_are_refused(world, browser, method):
    assert browser.get(PREFIX, method=method).status == 405
    came_back = decide(browser.start())
    assert browser.get(came_back.removeprefix(BASE_URL), method=method).status == 405
    assert browser.callback(came_back).status == 303
    assert redeemed(world) == 1
