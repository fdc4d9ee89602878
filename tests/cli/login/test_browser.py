"""Logins in a real Chromium, from the printed URL to the result page."""

from __future__ import annotations

import json
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest
from peers.chromium import click, fill
from peers.front import Response, front, html
from peers.sandbox import authorization_url, sandbox_shell
from peers.visitor import DENIAL

pytestmark = pytest.mark.slow

AGAIN = "everyauth login pagerduty --no-browser"
LOGIN = AGAIN
ALLOW = click("Allow")
NARROW = {"width": 360, "height": 640}


@pytest.fixture
def shell(everyauth):
    with sandbox_shell(everyauth) as shell:
        yield shell


@contextmanager
def behind(shell):
    """Put a server that can delay or replace responses in front of the shell's token endpoint."""
    with front(shell.sandbox.override("pagerduty")["token_endpoint"]) as endpoint:
        shell.move(token_endpoint=endpoint.url)
        yield endpoint


def log_in(shell, chromium, *steps, line=LOGIN, **options):
    """Log in with the browser's steps at the printed URL; return the last page, the exit code and stderr."""
    process = shell.start(line)
    page = chromium.visit(authorization_url(process), *steps, **options)
    out, err = process.communicate(timeout=60)
    assert out == ""
    return page, process.returncode, err


def is_clean(page) -> bool:
    """Whether the address bar and the history hold no part of the response, and no policy was violated."""
    callbacks = [url for url in page.history if urlsplit(url).path.startswith("/callback/")]
    assert callbacks
    assert {page.address, *callbacks} == {page.address.partition("?")[0]}
    assert "code=" not in page.title + page.text + "".join(page.history)
    assert (page.complaints, page.outside) == ([], [])
    return True


def test_a_login_ends_at_a_page_with_the_account(shell, chromium):
    page, code, err = log_in(shell, chromium, fill("Sign in as", "ann@example.com"), ALLOW)
    assert is_clean(page)
    assert (page.status, page.title) == (200, "Logged in to PagerDuty · everyauth")
    assert page.heading == "Logged in to PagerDuty"
    assert (
        "You are signed in there as ann@example.com (sandbox). The credential is stored here for user “me”."
        in page.text
    )
    assert (code, page.commands) == (0, [])
    assert "Logged in to PagerDuty as ann@example.com (sandbox)" in err
    assert shell.works(shell.token())


def test_a_narrower_grant_is_shown_on_the_page_too(shell, chromium):
    page, code, _ = log_in(shell, chromium, ALLOW, line=f'{LOGIN} --scope "read foo"')
    assert code == 0
    assert "Requested but not granted: foo." in page.text


def test_a_denial_ends_at_a_page_with_the_command(shell, chromium):
    line = f"{LOGIN} --user 'ann lee' --tenant acme"
    page, code, err = log_in(shell, chromium, click("Deny"), line=line)
    assert is_clean(page)
    assert page.title == "Access denied · everyauth"
    assert "You denied access at PagerDuty" in page.text
    assert DENIAL in page.text
    assert page.commands == ["everyauth login pagerduty --user 'ann lee' --tenant acme --no-browser"]
    assert code == 4
    assert page.commands[0] in err
    assert shell.identities() == []


def test_a_code_that_comes_too_late_has_its_own_page(shell, chromium):
    with behind(shell) as endpoint:
        endpoint.before = lambda: shell.clock.tick(60)
        page, code, _ = log_in(shell, chromium, ALLOW)
    assert is_clean(page)
    assert page.heading == "The login took too long"
    assert "The authorization code has expired." in page.text
    assert (code, page.commands) == (4, [AGAIN])


def test_another_account_has_its_own_page(shell, chromium):
    shell.log_in(account="ann@example.com")
    page, code, _ = log_in(shell, chromium, fill("Sign in as", "bob@example.com"), ALLOW)
    assert is_clean(page)
    assert page.heading == "Another account than before"
    assert "The old credential was kept." in page.text
    assert all(words in page.text for words in ("ann@example.com", "bob@example.com", "--user NAME", "--replace"))
    assert (code, page.commands) == (4, [f"{AGAIN} --replace"])


def test_a_token_that_cannot_be_stored_is_no_success(shell, chromium):
    database = shell.command.home / "everyauth.db"

    def break_the_store():
        database.rename(database.with_name("aside.db"))
        database.mkdir()

    with behind(shell) as endpoint:
        endpoint.after = break_the_store
        page, code, err = log_in(shell, chromium, ALLOW)
    assert is_clean(page)
    assert page.heading == "Granted, but not stored"
    assert "cannot use" in page.text
    assert (code, page.commands) == (6, [AGAIN])
    assert "Logged in" not in err


REFUSED = json.dumps({"error": "invalid_client", "error_description": "who?"}).encode()
LIES = {
    "unavailable": (html(503), (5, "PagerDuty is not available", [AGAIN])),
    "unreadable": (
        html(200),
        (5, "PagerDuty sent a response that cannot be used", ["everyauth service get pagerduty", AGAIN]),
    ),
    "client": (
        Response(401, "application/json", REFUSED),
        (
            2,
            "PagerDuty does not know this client",
            ["everyauth service set pagerduty --client-id ID --client-secret -", AGAIN],
        ),
    ),
}


@pytest.mark.parametrize(("lie", "outcome"), LIES.values(), ids=LIES)
def test_an_error_of_the_service_has_a_page_with_the_command(shell, chromium, lie, outcome):
    with behind(shell) as endpoint:
        endpoint.lie = lie
        page, code, _ = log_in(shell, chromium, ALLOW)
    assert is_clean(page)
    assert (code, page.heading, page.commands) == outcome


def test_a_stray_request_gets_a_page_and_the_login_goes_on(shell, chromium):
    process = shell.start(LOGIN)
    url, callback = authorization_url(process), shell.sandbox.redirect_uri
    strays = {
        f"{callback}?code=foreign&state=foreign": (400, "This belongs to another login"),
        f"{callback}?error=access_denied": (400, "An unverified error"),
        callback: (404, "Page not found"),
    }
    for stray, (status, heading) in strays.items():
        page = chromium.visit(stray)
        assert (page.status, page.heading, page.address) == (status, heading, callback)
        assert "open the URL that the terminal shows" in page.text
        # Chromium notes the status of any page that is not 200.
        assert [text for text in page.complaints if "the server responded with a status of" not in text] == []
    assert chromium.visit(url, ALLOW).heading == "Logged in to PagerDuty"
    out, _ = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, "")


def test_the_page_needs_no_scripts(shell, chromium):
    page, code, _ = log_in(shell, chromium, click("Deny"), javascript=False)
    assert (code, page.heading, page.commands) == (4, "Access denied", [AGAIN])
    assert (page.complaints, page.outside) == ([], [])


@pytest.mark.parametrize("font", [16, 32], ids=["usual text", "text twice as large"])
@pytest.mark.parametrize(
    ("scheme", "background"), [("light", "rgb(243, 244, 247)"), ("dark", "rgb(18, 21, 27)")], ids=["light", "dark"]
)
def test_a_narrow_screen_needs_no_sideways_scrolling(shell, chromium, scheme, background, font):
    look = {**NARROW, "scheme": scheme, "fontSize": font}
    process = shell.start(f"{LOGIN} --user {'u' * 100}")
    url = authorization_url(process)
    for page in (chromium.visit(url, **look), chromium.visit(url, click("Deny"), **look)):
        assert page.width == page.room == NARROW["width"]
        assert page.background == background
    assert page.heading == "Access denied"
