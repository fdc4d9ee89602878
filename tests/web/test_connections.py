"""The connections page over HTTP, the same in every framework: what it shows and does."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from peers.connections import CONNECT, DISCONNECT, buttons, form, row, told
from peers.web_apps import BASE_URL, FRAMEWORKS, NAME, OFFERED, PAGE, PREFIX, Browser, decide, stored

from everyauth_cli.errors import LoginRequired, StoreUnavailable, UsageProblem
from everyauth_cli.everyauth import EveryAuth
from everyauth_cli.model import EndedGrant
from everyauth_cli.store import Store
from everyauth_cli.store.identity_record import key_of, read_identity, write_identity
from everyauth_cli.transport import send

pytestmark = pytest.mark.slow

HOUR = 3600


def change(world, identity, **changes) -> None:
    """Change what the store has of an identity."""
    key = key_of(world.auth.profile, identity)
    held = read_identity(world.auth.store, key)
    write_identity(world.auth.store, key, replace(held, identity=replace(held.identity, **changes)))


def test_a_service_that_is_offered_and_not_connected(page_browser):
    entry = row(page_browser)
    assert entry.startswith('class="connection unconnected"')
    assert "Not connected" in entry
    assert buttons(entry) == ["Connect PagerDuty"]
    assert "<time" not in entry


def test_as_whom_and_since_when(world, page_browser):
    identity = world.log_in(NAME, "user-123", account="ann@example.com")
    change(world, identity, granted_at=1_700_000_000_999)
    entry = row(page_browser)
    assert entry.startswith('class="connection works"')
    assert '<p class="account">ann@example.com (sandbox)</p>' in entry
    assert '<time datetime="2023-11-14T22:13:20Z">2023-11-14 22:13 UTC</time>' in entry
    assert buttons(entry) == ["Disconnect PagerDuty"]


def test_what_is_offered_comes_first_and_then_what_else_there_is(world, page_browser):
    for service in ("linear", "slack"):
        world.log_in(service, "user-123")
    titles = re.findall(r'<h2 class="service">([^<]+)</h2>', page_browser.get(PAGE).text)
    assert titles == ["PagerDuty", "Slack", "Linear"]
    assert buttons(row(page_browser, "Linear")) == ["Disconnect Linear"]


def test_only_the_users_own_in_their_own_tenant(world, app):
    page = {"services": {}, "map_to_tenant_id": lambda request: request.headers.get("x-tenant")}
    world.log_in(NAME, "user-456", tenant="one", account="bob@example.com")
    world.log_in(NAME, "user-123", tenant="two", account="cid@example.com")
    browser = Browser(app(page), tenant="one")
    assert "There is nothing to connect here." in browser.get(PAGE).text
    browser.tenant = "two"
    assert "cid@example.com" in row(browser)
    browser.tenant = ""
    assert browser.get(PAGE).status == 401


@pytest.mark.parametrize(
    ("changes", "works"),
    [
        ({"login_required": EndedGrant(since=1, reason="SERVICE SAID SO")}, False),
        ({"expires_at": 1, "refreshable": False}, False),
        ({"expires_at": 1, "refreshable": True}, True),
        ({"expires_at": 1, "refreshable": True, "client_id": "an older client"}, False),
        ({"expires_at": None, "refreshable": False}, True),
    ],
)
def test_whether_it_still_works(world, page_browser, changes, works):
    change(world, world.log_in(NAME, "user-123"), **changes)
    entry = row(page_browser)
    assert ("Works" in entry, "Needs to be connected again" in entry) == (works, not works)
    assert buttons(entry) == [*["Connect again PagerDuty"] * (not works), "Disconnect PagerDuty"]
    assert "SERVICE SAID SO" not in entry


def test_a_grant_that_was_found_revoked_has_to_be_connected_again(world, page_browser):
    world.log_in(NAME, "user-123")
    world.fault = "revoked"
    world.advance(100 * 24 * HOUR)
    assert "Works" in row(page_browser)
    with pytest.raises(LoginRequired):
        world.auth.get_identity(NAME, "user-123")
    assert "Needs to be connected again" in row(page_browser)


def test_what_cannot_be_connected_here_is_not_to_be(world, app):
    browser = Browser(app({"services": {}}))
    change(world, world.log_in(NAME, "user-123"), login_required=EndedGrant(since=1, reason="x"))
    entry = row(browser)
    assert "No longer works" in entry
    assert buttons(entry) == ["Disconnect PagerDuty"]


def test_a_service_goes_by_any_of_its_names_and_needs_no_entry(world, app):
    browser = Browser(app({"services": {"githuboauth": "/connect/github", "no-such-service": "/connect/none"}}))
    world.log_in("github", "user-123")
    assert buttons(row(browser, "GitHub")) == ["Disconnect GitHub"]
    assert buttons(row(browser, "no-such-service")) == ["Connect no-such-service"]


def test_connect_goes_to_where_the_login_begins(world, page_browser):
    answer = page_browser.post(CONNECT, form(page_browser))
    assert (answer.status, answer["refresh"]) == (200, f"0;url={BASE_URL}{PREFIX}")
    assert f'<a href="{BASE_URL}{PREFIX}">' in answer.text
    ended = page_browser.callback(decide(page_browser.start()))
    assert told(page_browser.get(f"{PAGE}?{ended['location'].partition('?')[2]}").text) == [
        ("good", "PagerDuty is connected.")
    ]


@pytest.mark.parametrize("service", ["", "linear", "no-such-service", "https://evil.example"])
def test_what_is_not_offered_is_not_connected(page_browser, service):
    answer = page_browser.post(CONNECT, form(page_browser, service))
    assert (answer.status, answer["location"]) == (303, BASE_URL + PAGE)


def test_disconnect_revokes_there_and_deletes_here(world, page_browser):
    world.log_in("linear", "user-123")
    token = world.auth.get_identity("linear", "user-123").access_token
    answer = page_browser.post(DISCONNECT, form(page_browser, "linear"))
    assert answer["location"].startswith(f"{BASE_URL}{PAGE}?outcome=")
    assert world.auth.find(user="user-123") == []
    assert world.sandbox.server("linear").user(token) is None
    page = page_browser.get(answer["location"].removeprefix(BASE_URL))
    assert told(page.text) == [("good", "Linear is disconnected: what you had granted was revoked there.")]


def test_disconnect_says_what_stands_at_a_service_that_does_not_revoke(world, page_browser):
    world.log_in(NAME, "user-123")
    answer = page_browser.post(DISCONNECT, form(page_browser))
    assert stored(world) == []
    ((kind, text),) = told(page_browser.get(answer["location"].removeprefix(BASE_URL)).text)
    assert kind == "bad"
    assert text == (
        "PagerDuty is disconnected here, but PagerDuty has no way to revoke what you granted. "
        "To be sure, remove this app in your settings at PagerDuty."
    )


def test_disconnect_says_until_when_an_access_token_stands(world, page_browser):
    identity = world.log_in(NAME, "user-123")
    change(world, identity, refreshable=False, expires_at=4_102_444_800_000)
    answer = page_browser.post(DISCONNECT, form(page_browser))
    ((_, text),) = told(page_browser.get(answer["location"].removeprefix(BASE_URL)).text)
    assert "It ends by itself at 2100-01-01 00:00 UTC; to be sure, remove this app" in text


def test_what_has_ended_already_leaves_nothing(world, page_browser):
    change(world, world.log_in(NAME, "user-123"), refreshable=False, expires_at=1)
    answer = page_browser.post(DISCONNECT, form(page_browser))
    page = page_browser.get(answer["location"].removeprefix(BASE_URL))
    assert told(page.text) == [("good", "PagerDuty is disconnected: nothing of it was left there.")]


def test_a_disconnection_that_cannot_be_keeps_everything(world, page_browser, caplog):
    identity = world.log_in("linear", "user-123")
    change(world, identity, client_id="an older client")
    answer = page_browser.post(DISCONNECT, form(page_browser, "linear"))
    ((kind, text),) = told(page_browser.get(answer["location"].removeprefix(BASE_URL)).text)
    assert (kind, text.partition(":")[0]) == ("bad", "Linear was not disconnected")
    assert len(world.auth.find(user="user-123")) == 1
    assert "--local" in caplog.text
    assert "older client" not in text


def test_disconnecting_twice_is_as_once(world, page_browser):
    world.log_in(NAME, "user-123")
    posted = form(page_browser)
    assert "outcome=" in page_browser.post(DISCONNECT, posted)["location"]
    assert page_browser.post(DISCONNECT, posted)["location"] == BASE_URL + PAGE


def test_others_that_end_with_it_are_told_of_and_not_named(world, page_browser):
    for service in (NAME, "google"):
        for user in ("user-123", "user-456"):
            world.log_in(service, user, account="ann@example.com")
    assert "Disconnecting also ends" not in row(page_browser)
    entry = row(page_browser, "Google")
    assert "Disconnecting also ends every other connection of this app to the same account." in entry
    assert "user-456" not in entry


def test_nobody_sees_nothing(world, page_browser):
    page_browser.user = ""
    answer = page_browser.get(PAGE)
    assert (answer.status, "Sign in first" in answer.text) == (401, True)
    assert world.auth.store.vault._secrets == {}


@pytest.mark.parametrize("framework", ["starlette", "fastapi", "django"])
def test_the_functions_may_be_async(world, framework):
    async def user(request):
        return request.headers.get("x-user")

    usual = {"map_to_user_id": user, "map_to_tenant_id": user, "base_url": BASE_URL, "auth": world.auth}
    ask = FRAMEWORKS[framework](
        {"services": OFFERED, "prefix": PAGE, **usual}, prefix=PREFIX, finished_url="/", **usual
    )
    browser = Browser(ask)
    assert browser.post(CONNECT, form(browser)).status == 200
    assert Browser(ask, user="").get(PAGE).status == 401


@pytest.mark.parametrize(
    ("query", "notice"),
    [
        ("serviceId=pagerduty", []),
        ("serviceId=slack", [("good", "Slack is connected.")]),
        (
            "error=access_denied&errorDescription=CALL+555",
            [("bad", "The service was not connected. You can try again.")],
        ),
        ("error=", []),
        ("outcome=CALL+555", []),
        ("outcome=%FF%00", []),
        ("", []),
    ],
)
def test_a_link_can_only_say_what_is_so(world, page_browser, query, notice):
    world.log_in("slack", "user-123")
    page = page_browser.get(f"{PAGE}?{query}")
    assert told(page.text) == notice
    assert "CALL" not in page.text


def test_another_account_is_a_reason_of_its_own(page_browser):
    ((kind, text),) = told(page_browser.get(f"{PAGE}?error=other_account").text)
    assert (kind, "Disconnect it first" in text) == ("bad", True)


def test_what_comes_from_outside_is_text(world, app):
    nasty = '"><script>alert(1)</script>&'
    browser = Browser(app({"services": {nasty: "/connect/nasty"}, "map_to_user_id": lambda _: nasty}))
    world.log_in(NAME, nasty, account=nasty)
    for query in ("", f"?error={nasty}", f"?serviceId={nasty}", f"?outcome={nasty}"):
        text = browser.get(PAGE + query.replace("&", "%26")).text
        assert "<script>alert" not in text
        assert text.count("&lt;script&gt;alert") > 1
    assert browser.post(CONNECT, form(browser, nasty))["refresh"] == f"0;url={BASE_URL}/connect/nasty"


def test_the_page_holds_no_cookie_and_no_secret(world, page_browser):
    world.log_in(NAME, "user-123")
    credential = world.auth.get_identity(NAME, "user-123")
    answer = page_browser.get(PAGE)
    assert answer.cookies == []
    record = read_identity(world.auth.store, key_of("default", world.auth.find_one("user-123")))
    for secret in (credential.access_token, record.token.refresh_token.reveal()):
        assert secret not in answer.text
    assert answer["cache-control"] == "no-store"


def test_the_index_alone_is_read(world, app):
    """Looking at the page works though no identity's secret can be had, and asks no service."""
    world.log_in(NAME, "user-123")
    browser = Browser(app({}))
    vault = world.auth.store.vault
    for name in [name for name in vault._secrets if "pagerduty" in name]:
        del vault._secrets[name]
    world.sandbox.server(NAME).counts.clear()
    assert "Works" in row(browser)
    assert not world.sandbox.server(NAME).counts


def test_a_store_that_fails_is_told_to_the_operator(world, app, caplog):
    def down():
        raise StoreUnavailable("the database is down", hint="start it")

    kept = world.auth.store
    store = Store(url=kept.url, index=kept.index, open_vault=down, locks=kept.locks)
    auth = EveryAuth(store=store, catalogue=world.auth.catalogue, send=send)
    answer = Browser(app({"auth": auth})).get(PAGE)
    assert answer.status == 503
    assert "database" not in answer.text
    assert "the database is down (start it)" in caplog.text


def policy(answer) -> dict[str, list[str]]:
    parts = (directive.split() for directive in answer["content-security-policy"].split(";"))
    return {name: sources for name, *sources in parts}


def test_the_policy(page_browser):
    answer = page_browser.get(PAGE)
    directives = policy(answer)
    assert directives["default-src"] == directives["frame-ancestors"] == directives["base-uri"] == ["'none'"]
    assert directives["form-action"] == ["'self'", BASE_URL]
    assert len(directives["style-src"]) == 1
    assert answer["referrer-policy"] == "same-origin"


@pytest.mark.parametrize(
    ("stylesheet", "url", "host"),
    [
        ("/static/app.css?v=1&w=2", f"{BASE_URL}/static/app.css?v=1&amp;w=2", BASE_URL),
        ("https://cdn.example/a.css", "https://cdn.example/a.css", "https://cdn.example"),
    ],
)
def test_the_apps_own_style_sheet_takes_the_place_of_ours(app, stylesheet, url, host):
    answer = Browser(app({"stylesheet": stylesheet})).get(PAGE)
    assert f'<link rel="stylesheet" href="{url}">' in answer.text
    assert "<style" not in answer.text
    directives = policy(answer)
    assert [directives[f"{kind}-src"] for kind in ("style", "font", "img")] == [[host]] * 3
    assert directives["default-src"] == ["'none'"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"stylesheet": "app.css"},
        {"stylesheet": "//cdn.example/a.css"},
        {"stylesheet": "http://cdn.example/a.css"},
        {"stylesheet": "/a.css; script-src *"},
        {"services": {NAME: "connect"}},
        {"services": {NAME: "//evil.example"}},
        {"prefix": "/a?b"},
        {"base_url": "http://app.example"},
    ],
)
def test_what_cannot_be_used_is_refused_at_construction(app, wrong):
    app({})
    with pytest.raises(UsageProblem, match="cannot be used: "):
        app(wrong)
