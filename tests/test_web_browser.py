"""A web app's login in a real Chromium: the app on a real server, and its cookies as a browser has them."""

from __future__ import annotations

import threading
from contextlib import contextmanager

import pytest
from peers.chromium import click, fill
from peers.web_apps import CALLBACK, PREFIX, flask_app
from werkzeug.serving import make_server

pytestmark = pytest.mark.slow

NAME = "pagerduty"


@contextmanager
def serving(everyauth_sandbox, **options):
    """A Flask app on loopback, whose user is always the same; gives its URL."""
    server = make_server("127.0.0.1", 0, None, threaded=True)
    base_url = f"http://127.0.0.1:{server.port}"
    everyauth_sandbox.sandbox.redirect_uri = base_url + CALLBACK
    server.app = flask_app(
        finished_url=f"{PREFIX}/finished",
        map_to_user_id=lambda _: "user-123",
        base_url=base_url,
        prefix=PREFIX,
        auth=everyauth_sandbox.auth,
        **options,
    )
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield base_url
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def unexpected(page):
    """What Chromium complains of, but for answers with a status of failure: ours are meant, and it wants an icon."""
    return [line for line in page.complaints if "responded with a status of" not in line]


def test_a_user_logs_in(everyauth_sandbox, chromium):
    with serving(everyauth_sandbox) as url:
        page = chromium.visit(url + PREFIX, fill("Sign in as", "ann@example.com"), click("Allow"))
    assert page.address == f"{url}{PREFIX}/finished?serviceId=pagerduty&userId=user-123&tenantId=user-123"
    assert "The app's own page" in page.text
    assert "code=" not in "".join(page.history)
    assert (unexpected(page), page.outside) == ([], [])
    assert everyauth_sandbox.auth.get_identity(NAME, "user-123").account.label == "ann@example.com (sandbox)"


def test_a_user_says_no(everyauth_sandbox, chromium):
    with serving(everyauth_sandbox) as url:
        page = chromium.visit(url + PREFIX, click("Deny"))
    assert page.address.startswith(f"{url}{PREFIX}/finished?error=access_denied&errorDescription=")


def test_an_answer_that_was_not_asked_for(everyauth_sandbox, chromium):
    with serving(everyauth_sandbox) as url:
        page = chromium.visit(f"{url}{CALLBACK}?code=SECRET&state=x", width=360)
    assert (page.heading, page.address) == ("This login was not begun here", url + CALLBACK)
    assert "Start again" in page.text
    assert page.width <= page.room
    assert unexpected(page) == []
