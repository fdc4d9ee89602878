"""The connections page over HTTP, in every framework."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from peers.connections import CONNECT, DISCONNECT, buttons, confirmed, disconnect, form, notices, policy, row
from peers.stores import damage, over
from peers.web_apps import BASE_URL, FRAMEWORKS, NAME, OFFERED, PAGE, PREFIX, Browser, decide, stored

from everyauth_cli.errors import LoginRequired, StoreUnavailable, UsageProblem
from everyauth_cli.everyauth import EveryAuth
from everyauth_cli.oauth.grant import EndedGrant
from everyauth_cli.store.identities import identity_key, key_of, read_identity, save_identity
from everyauth_cli.store.memory import MemoryRecords
from everyauth_cli.transport import send

pytestmark = pytest.mark.slow

HOUR = 3600


def change(world, identity, **changes) -> None:
    """Change an identity's metadata in the store."""
    key = key_of(world.auth.profile, identity)
    stored = read_identity(world.auth.store, key)
    save_identity(world.auth.store, key, replace(stored, identity=replace(stored.identity, **changes)))


def test_a_service_that_is_offered_and_not_connected(page_browser):
    entry = row(page_browser)
    assert entry.startswith('class="connection not_connected"')
    assert "Not connected" in entry
    assert buttons(entry) == ["Connect PagerDuty"]
    assert "<time" not in entry


def test_the_account_and_the_time_of_the_login_are_shown(world, page_browser):
    identity = world.log_in(NAME, "user-123", account="ann@example.com")
    change(world, identity, granted_at=1_700_000_000_999)
    entry = row(page_browser)
    assert entry.startswith('class="connection connected"')
    assert '<p class="account"><bdi>ann@example.com (sandbox)</bdi></p>' in entry
    assert '<time datetime="2023-11-14T22:13:20Z">2023-11-14 22:13 UTC</time>' in entry
    assert buttons(entry) == ["Disconnect PagerDuty"]


def test_offered_services_come_first(world, page_browser):
    for service in ("linear", "slack"):
        world.log_in(service, "user-123")
    titles = re.findall(r'<h2 class="service"><bdi>([^<]+)</bdi></h2>', page_browser.get(PAGE).text)
    assert titles == ["PagerDuty", "Slack", "Linear"]
    assert buttons(row(page_browser, "Linear")) == ["Disconnect Linear"]


def test_only_the_connections_of_the_user_in_the_tenant_are_shown(world, app):
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
    assert ("Connected <time" in entry, "Needs to be connected again" in entry) == (works, not works)
    assert buttons(entry) == [*["Connect PagerDuty"] * (not works), "Disconnect PagerDuty"]
    assert "SERVICE SAID SO" not in entry


def test_a_revoked_grant_needs_to_be_connected_again(world, page_browser):
    world.log_in(NAME, "user-123")
    world.fault = "revoked"
    world.advance(100 * 24 * HOUR)
    assert "Connected <time" in row(page_browser)
    with pytest.raises(LoginRequired):
        world.auth.get_identity(NAME, "user-123")
    assert "Needs to be connected again" in row(page_browser)


def test_a_service_that_is_not_offered_has_no_connect_button(world, app):
    browser = Browser(app({"services": {}}))
    change(world, world.log_in(NAME, "user-123"), login_required=EndedGrant(since=1, reason="x"))
    entry = row(browser)
    assert "No longer works" in entry
    assert buttons(entry) == ["Disconnect PagerDuty"]


def test_a_service_may_have_an_alias_or_no_entry(world, app):
    browser = Browser(app({"services": {"githuboauth": "/connect/github", "no-such-service": "/connect/none"}}))
    world.log_in("github", "user-123")
    assert buttons(row(browser, "GitHub")) == ["Disconnect GitHub"]
    assert buttons(row(browser, "no-such-service")) == ["Connect no-such-service"]


def test_presets_of_one_service_are_connections_of_their_own(world, app):
    browser = Browser(app({"services": {"jira": "/connect/jira", "confluence": "/connect/confluence"}}))
    world.log_in("jira", "user-123")
    assert buttons(row(browser, "Jira")) == ["Disconnect Jira"]
    assert buttons(row(browser, "Confluence")) == ["Connect Confluence"]
    assert world.auth.get_identity("jira", "user-123").access_token
    assert world.auth.get_identity("atlassian", "user-123") is None


def test_connect_starts_the_login(world, page_browser):
    response = page_browser.post(CONNECT, form(page_browser))
    assert (response.status, response["refresh"]) == (200, f"0;url={BASE_URL}{PREFIX}")
    assert f'<a href="{BASE_URL}{PREFIX}">' in response.text
    ended = page_browser.callback(decide(page_browser.start()))
    assert notices(page_browser.get(f"{PAGE}?{ended['location'].partition('?')[2]}").text) == [
        ("good", "PagerDuty is connected.")
    ]


@pytest.mark.parametrize("service", ["", "linear", "no-such-service", "https://evil.example"])
def test_a_service_that_is_not_offered_cannot_be_connected(page_browser, service):
    response = page_browser.post(CONNECT, form(page_browser, service))
    assert (response.status, response["location"]) == (303, BASE_URL + PAGE)


def test_disconnect_revokes_and_deletes(world, page_browser):
    world.log_in("linear", "user-123")
    token = world.auth.get_identity("linear", "user-123").access_token
    response = disconnect(page_browser, "linear")
    assert response["location"].startswith(f"{BASE_URL}{PAGE}?flash=")
    assert world.auth.find(user="user-123") == []
    assert world.sandbox.server("linear").user(token) is None
    page = page_browser.get(response["location"].removeprefix(BASE_URL))
    assert notices(page.text) == [("good", "Linear is disconnected: it revoked the access that you had granted.")]


def test_disconnect_warns_if_the_service_cannot_revoke(world, page_browser):
    world.log_in(NAME, "user-123")
    response = disconnect(page_browser)
    assert stored(world) == []
    ((kind, text),) = notices(page_browser.get(response["location"].removeprefix(BASE_URL)).text)
    assert kind == "bad"
    assert text == (
        "PagerDuty is disconnected here, but PagerDuty cannot revoke what you had granted. "
        "To be sure, remove this app in your settings at PagerDuty."
    )


def test_disconnect_shows_the_expiry_of_an_access_token_that_is_not_revoked(world, page_browser):
    identity = world.log_in(NAME, "user-123")
    change(world, identity, refreshable=False, expires_at=4_102_444_800_000)
    response = disconnect(page_browser)
    ((_, text),) = notices(page_browser.get(response["location"].removeprefix(BASE_URL)).text)
    assert text.endswith("The access that it has now ends at 2100-01-01 00:00 UTC.")


def test_disconnecting_an_expired_grant_leaves_nothing_to_revoke(world, page_browser):
    change(world, world.log_in(NAME, "user-123"), refreshable=False, expires_at=1)
    response = disconnect(page_browser)
    page = page_browser.get(response["location"].removeprefix(BASE_URL))
    assert notices(page.text) == [("good", "PagerDuty is disconnected: no access was left to revoke.")]


def test_a_failed_disconnection_keeps_the_identity(world, page_browser, caplog):
    identity = world.log_in("linear", "user-123")
    change(world, identity, client_id="an older client")
    response = disconnect(page_browser, "linear")
    ((kind, text),) = notices(page_browser.get(response["location"].removeprefix(BASE_URL)).text)
    assert (kind, text.partition(":")[0]) == ("bad", "Linear was not disconnected")
    assert len(world.auth.find(user="user-123")) == 1
    assert "--local" in caplog.text
    assert "older client" not in text


def test_disconnecting_twice_changes_nothing_more(world, page_browser):
    world.log_in(NAME, "user-123")
    posted = confirmed(page_browser)
    assert "flash=" in page_browser.post(DISCONNECT, posted)["location"]
    assert page_browser.post(DISCONNECT, posted)["location"] == BASE_URL + PAGE


def test_other_connections_of_the_account_are_mentioned_and_not_named(world, page_browser):
    for service in (NAME, "google"):
        for user in ("user-123", "user-456"):
            world.log_in(service, user, account="ann@example.com")
    others = "Disconnecting also ends every other connection of this app to the same account."
    assert others not in page_browser.post(DISCONNECT, form(page_browser)).text
    question = page_browser.post(DISCONNECT, form(page_browser, "google")).text
    assert others in question
    assert "user-456" not in question


def test_a_signed_out_user_sees_no_connections(world, page_browser):
    page_browser.user = ""
    response = page_browser.get(PAGE)
    assert (response.status, "Sign in first" in response.text) == (401, True)
    assert world.auth.store.backend.records == {}


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
        ("error=access_denied&serviceId=slack", [("bad", "Slack was not connected. You can try again.")]),
        (
            "error=access_denied&serviceId=CALL+555",
            [("bad", "The service was not connected. You can try again.")],
        ),
        ("error=", []),
        ("flash=CALL+555", []),
        ("flash=%FF%00", []),
        ("", []),
    ],
)
def test_a_link_cannot_put_text_on_the_page(world, page_browser, query, notice):
    world.log_in("slack", "user-123")
    page = page_browser.get(f"{PAGE}?{query}")
    assert notices(page.text) == notice
    assert "CALL" not in page.text


def test_the_notice_names_the_service_that_failed(app):
    browser = Browser(app({}, finished_url=PAGE))
    ended = browser.callback(decide(browser.start(), decision="deny"))
    page = browser.get(ended["location"].removeprefix(BASE_URL))
    assert notices(page.text) == [("bad", "PagerDuty was not connected. You can try again.")]


def test_another_account_has_its_own_notice(page_browser):
    ((kind, text),) = notices(page_browser.get(f"{PAGE}?error=other_account").text)
    assert (kind, "disconnect this one first" in text) == ("bad", True)


def test_foreign_text_is_escaped(world, app):
    nasty = '"><script>alert(1)</script>&'
    browser = Browser(app({"services": {nasty: "/connect/nasty"}, "map_to_user_id": lambda _: nasty}))
    world.log_in(NAME, nasty, account=nasty)
    for query in ("", f"?error={nasty}", f"?serviceId={nasty}", f"?flash={nasty}"):
        text = browser.get(PAGE + query.replace("&", "%26")).text
        assert "<script>alert" not in text
        assert text.count("&lt;script&gt;alert") > 1
    assert browser.post(CONNECT, form(browser, nasty))["refresh"] == f"0;url={BASE_URL}/connect/nasty"


def test_the_page_sets_no_cookie_and_shows_no_secret(world, page_browser):
    world.log_in(NAME, "user-123")
    credential = world.auth.get_identity(NAME, "user-123")
    response = page_browser.get(PAGE)
    assert response.cookies == []
    record = read_identity(world.auth.store, key_of("default", world.auth.find_one("user-123")))
    for secret in (credential.access_token, record.token.refresh_token.reveal()):
        assert secret not in response.text
    assert response["cache-control"] == "no-store"


def test_only_metadata_is_read(world, app):
    """The page needs no secret of an identity, and sends nothing to a service."""
    world.log_in(NAME, "user-123")
    browser = Browser(app({}))
    damage(world.auth.store, identity_key("default", NAME, user="user-123"), secret="garbage")
    world.sandbox.server(NAME).counts.clear()
    assert "Connected <time" in row(browser)
    assert not world.sandbox.server(NAME).counts


def test_a_store_failure_is_logged_for_the_operator(world, app, caplog):
    class Down(MemoryRecords):
        def get(self, key, name):
            raise StoreUnavailable("the database is down", hint="start it")

    auth = EveryAuth(store=over(Down()), catalogue=world.auth.catalogue, send=send)
    response = Browser(app({"auth": auth})).get(PAGE)
    assert response.status == 503
    assert "database" not in response.text
    assert "the database is down (start it)" in caplog.text


def test_the_content_security_policy(page_browser):
    response = page_browser.get(PAGE)
    directives = policy(response)
    assert directives["default-src"] == directives["frame-ancestors"] == directives["base-uri"] == ["'none'"]
    assert directives["form-action"] == ["'self'", BASE_URL]
    assert len(directives["style-src"]) == 1
    assert response["referrer-policy"] == "same-origin"


@pytest.mark.parametrize(
    ("stylesheet", "url", "host"),
    [
        ("/static/app.css?v=1&w=2", f"{BASE_URL}/static/app.css?v=1&amp;w=2", BASE_URL),
        ("https://cdn.example/a.css", "https://cdn.example/a.css", "https://cdn.example"),
    ],
)
def test_a_style_sheet_of_the_app_replaces_ours(app, stylesheet, url, host):
    response = Browser(app({"stylesheet": stylesheet})).get(PAGE)
    assert f'<link rel="stylesheet" href="{url}">' in response.text
    assert "<style" not in response.text
    directives = policy(response)
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
def test_unusable_arguments_are_refused_at_construction(app, wrong):
    app({})
    with pytest.raises(UsageProblem, match="cannot be used: "):
        app(wrong)
