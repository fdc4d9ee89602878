"""The example apps, run as real servers and visited with Chromium."""

from __future__ import annotations

import pytest
from peers.chromium import Profile, click, fill
from peers.example_app import SERVED, example_app
from peers.sandbox import SECRET
from peers.web_apps import decide

pytestmark = pytest.mark.slow

MINUTE = 60


@pytest.fixture(scope="module", params=SERVED)
def app(request, tmp_path_factory):
    with example_app(request.param, tmp_path_factory.mktemp(request.param)) as app:
        yield app
    log = app.log.read_text()
    # A worker may have run none of the tests that finish a login.
    assert not app.redeemed or "/finished?serviceId=pagerduty" in log
    assert "Traceback" not in log, log
    assert not SECRET.search(log), log


def begun(app, chromium, user):
    """Return the browser of a user who started a login, and the URL that the consent redirects to."""
    browser = Profile(chromium)
    consent = browser.visit(app.url, fill("Your name", user), click("Sign in"), click("Connect PagerDuty"))
    return browser, decide(consent.address)


def finished(app, page, user):
    return page.address == f"{app.url}/finished?serviceId=pagerduty&userId={user}&tenantId={user}"


def unexpected(page):
    """Return Chromium's console messages but those about status codes: some are expected, and the icon is missing."""
    return [line for line in page.complaints if "responded with a status of" not in line]


def refused(app, page, heading):
    """Whether the page says that a login cannot be finished, with no code left in the address."""
    assert (page.width <= page.room, unexpected(page), page.outside) == (True, [], [])
    return (page.heading, page.address, "Start again" in page.text) == (heading, app.callback, True)


def test_a_user_connects_and_sees_what_the_token_fetched(app, chromium):
    page = chromium.visit(
        app.url,
        *(fill("Your name", "ada"), click("Sign in"), click("Connect PagerDuty")),
        *(fill("Sign in as", "ada@example.com"), click("Allow")),
        width=360,
    )
    assert finished(app, page, "ada")
    assert "You are signed in as ada." in page.text
    assert "PagerDuty knows you as Ada <Lovelace> (ada@example.com)." in page.text
    assert "code=" not in "".join(page.history)
    assert (page.width <= page.room, unexpected(page), page.outside) == (True, [], [])


def test_a_user_denies_access(app, chromium):
    steps = fill("Your name", "bob"), click("Sign in"), click("Connect PagerDuty"), click("Deny")
    page = chromium.visit(app.url, *steps)
    assert page.address.startswith(f"{app.url}/finished?error=access_denied&errorDescription=")
    assert "PagerDuty is not connected: access was denied" in page.text


def test_the_finished_page_trusts_the_session_and_not_its_query(app, chromium):
    browser = Profile(chromium)
    of_ada = f"{app.url}/finished?serviceId=pagerduty&userId=ada&tenantId=ada"
    browser.visit(of_ada, fill("Your name", "mallory"), click("Sign in"))
    page = browser.visit(of_ada)
    assert "You are signed in as mallory." in page.text
    assert "PagerDuty knows you" not in page.text
    assert "<img src=x> (x)" in browser.visit(f"{app.url}/finished?error=x&errorDescription=<img src=x>").text


def test_two_browsers_of_one_user_finish_their_own_logins(app, chromium):
    (one, of_one), (two, of_two) = (begun(app, chromium, "cleo") for _ in range(2))
    before = app.redeemed
    assert refused(app, two.visit(of_one, width=360), "This login was not started here")
    assert app.redeemed == before
    assert finished(app, one.visit(of_one), "cleo")
    assert finished(app, two.visit(of_two), "cleo")
    assert app.redeemed == before + 2


def test_a_code_is_redeemed_once(app, chromium):
    browser, came_back = begun(app, chromium, "dana")
    copy = Profile(chromium, browser.cookies)
    assert finished(app, browser.visit(came_back), "dana")
    before = app.redeemed
    assert refused(app, browser.visit(came_back, width=360), "This login was not started here")
    assert refused(app, copy.visit(came_back, width=360), "This login is finished already")
    assert app.redeemed == before


def test_a_login_expires_after_ten_minutes(app, chromium):
    browser, came_back = begun(app, chromium, "eve")
    before = app.redeemed
    with app.later(10 * MINUTE):
        assert refused(app, browser.visit(came_back, width=360), "The login took too long")
    assert app.redeemed == before
