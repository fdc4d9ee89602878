"""The connections page in a real Chromium, over a real server of each framework."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime

import httpx
import pytest
from peers.chromium import click, fill
from peers.web_apps import NAME, OFFERED, PAGE, PREFIX
from peers.web_servers import SERVERS, another_site, serving

from everyauth_cli.errors import LoginRequired
from everyauth_cli.store.identities import key_of, read_identity, save_identity

pytestmark = pytest.mark.slow

ANN = "ann@example.com"
LOGIN = (click("Connect PagerDuty"), fill("Sign in as", ANN), click("Allow"))
NASTY = '"><script>document.title = "taken"</script><img src=x onerror="document.title = 1">'


def unexpected(page):
    """Return Chromium's console messages but those about status codes: some are expected, and the icon is missing."""
    return [line for line in page.complaints if "responded with a status of" not in line]


@pytest.fixture(params=SERVERS)
def url(request, world):
    """The URL of the connections page of an app on a real server."""
    with serving(request.param, world, services=OFFERED) as base_url:
        yield base_url + PAGE


@pytest.mark.parametrize("javascript", [True, False])
def test_connect_and_disconnect(world, chromium, url, javascript):
    page = chromium.visit(url, *LOGIN, javascript=javascript)
    assert "PagerDuty is connected." in page.text
    assert f"PagerDuty\n\n{ANN} (sandbox)\n\nConnected " in page.text
    assert (unexpected(page), page.outside) == ([], [])
    assert page.address.partition("?")[2] == (
        "" if javascript else "serviceId=pagerduty&userId=user-123&tenantId=user-123"
    )
    assert world.auth.get_identity(NAME, "user-123").account.label == f"{ANN} (sandbox)"

    page = chromium.visit(url, click("Disconnect PagerDuty"), click("Disconnect"), javascript=javascript)
    assert "PagerDuty is disconnected here" in page.text
    assert "Not connected" in page.text
    assert unexpected(page) == []
    assert world.auth.find() == []


@pytest.mark.parametrize(
    ("locale", "zone", "shown"),
    [
        ("en-US", "America/New_York", "Connected November 14, 2023\n"),
        ("de-DE", "Asia/Tokyo", "Connected 15. November 2023\n"),
    ],
)
def test_a_time_is_in_the_visitors_language_and_zone(world, chromium, locale, zone, shown):
    key = key_of(world.auth.profile, world.log_in(NAME, "user-123"))
    stored = read_identity(world.auth.store, key)
    moment = int(datetime(2023, 11, 14, 22, 13, tzinfo=UTC).timestamp()) * 1000
    save_identity(world.auth.store, key, replace(stored, identity=replace(stored.identity, granted_at=moment)))
    with serving("flask", world) as base_url:
        page = chromium.visit(base_url + PAGE, locale=locale, timezoneId=zone)
        plain = chromium.visit(base_url + PAGE, javascript=False)
    assert shown in page.text
    assert unexpected(page) == []
    assert "Connected 2023-11-14 22:13 UTC" in plain.text


@pytest.mark.parametrize(("locale", "day"), [("en-GB", r"(to|yester)day at"), ("de-DE", "(heute|gestern) um")])
def test_a_time_of_today_is_named(world, chromium, url, locale, day):
    world.log_in(NAME, "user-123")
    assert re.search(rf"Connected {day} \d\d:\d\d", chromium.visit(url, locale=locale).text)


def test_a_user_denies_access(chromium, url):
    page = chromium.visit(url, click("Connect PagerDuty"), fill("Sign in as", ANN), click("Deny"))
    assert (page.address, page.title) == (url, "Connections")
    assert "PagerDuty was not connected. You can try again." in page.text


def test_a_revoked_grant_is_connected_again(world, chromium, url):
    world.log_in(NAME, "user-123", account=ANN)
    world.fault = "revoked"
    world.advance(100 * 86400)
    with pytest.raises(LoginRequired):
        world.auth.get_identity(NAME, "user-123")
    assert "Needs to be connected again" in chromium.visit(url).text
    page = chromium.visit(url, click("Connect PagerDuty"), fill("Sign in as", ANN), click("Allow"))
    assert "PagerDuty is connected." in page.text
    assert "Needs to be connected again" not in page.text


def test_another_sites_form_does_nothing_even_with_a_token(world, chromium, url):
    world.log_in(NAME, "user-123")
    token = httpx.get(url, trust_env=False).text.split('name="csrf_token" value="')[1].split('"')[0]
    html = f"""<!doctype html><form method="post" action="{url}/disconnect">
        <input type="hidden" name="csrf_token" value="{token}"><input type="hidden" name="confirmed" value="yes">
        <button name="service" value="{NAME}">Win</button></form>"""
    with another_site("/", "text/html", html) as evil:
        page = chromium.visit(evil, click("Win"))
    assert page.heading == "Load the page again"
    assert len(world.auth.find()) == 1


def test_no_other_site_can_frame_the_page(chromium, url):
    with another_site("/", "text/html", f'<!doctype html><iframe src="{url}"></iframe>') as evil:
        page = chromium.visit(evil)
    assert any("frame-ancestors" in line for line in page.complaints)


def test_foreign_text_is_escaped(world, chromium):
    world.log_in(NAME, NASTY, account=NASTY)
    page = {"services": {NASTY: PREFIX}, "map_to_user_id": lambda _: NASTY}
    with serving("flask", world, **page) as base_url:
        shown = chromium.visit(f"{base_url}{PAGE}?serviceId={NASTY}&error={NASTY}&flash={NASTY}")
    assert (shown.title, unexpected(shown)) == ("Connections", [])
    assert shown.text.count("<script>document.title") > 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1280])
def test_it_fits(world, chromium, scheme, width):
    world.log_in(NAME, "user-123", account="x" * 80)
    with serving("flask", world, services=OFFERED) as base_url:
        page = chromium.visit(f"{base_url}{PAGE}?serviceId={NAME}", width=width, scheme=scheme, fontSize=32)
    assert page.width <= page.room


def test_an_app_replaces_the_style_sheet(world, chromium):
    css = "body { background: rgb(1, 2, 3); } .connection.not_connected .state { display: none; }"
    with (
        another_site("/app.css", "text/css", css) as stylesheet,
        serving("flask", world, services=OFFERED, stylesheet=stylesheet) as base_url,
    ):
        page = chromium.visit(base_url + PAGE)
    assert page.background == "rgb(1, 2, 3)"
    assert "Not connected" not in page.text
    assert unexpected(page) == []
