"""The callback of a login that succeeds is delivered ahead of its user, twice or again: its user sees the success."""

import socket
import time
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, ProxyHandler, Request, build_opener

import pytest
from peers.sandbox import authorization_url, sandbox_shell

pytestmark = pytest.mark.slow


@pytest.fixture
def shell(everyauth):
    with sandbox_shell(everyauth) as shell:
        yield shell


@pytest.fixture
def callback(shell):
    """Yield a login that waits for its callback, and the callback's URL."""
    process = shell.start("everyauth login pagerduty --no-browser")
    return process, shell.allow(authorization_url(process))


class _Stop(HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


def visit(url, *, method="GET", **headers):
    """Request a URL, and return the status and the page."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    opener, request = build_opener(ProxyHandler({}), _Stop), Request(url, method=method, headers=named)
    try:
        with opener.open(request, timeout=60) as found:
            return found.status, found.read().decode()
    except HTTPError as error:
        with error:
            return error.code, error.read().decode()


def succeeded(shell, process):
    assert process.wait(60) == 0, process.stderr.read()
    assert len(shell.identities()) == 1


@pytest.mark.parametrize(
    "headers",
    [{"Sec_Purpose": "prefetch;prerender"}, {"Purpose": "prefetch"}, {"X_Moz": "prefetch"}, {"X_Purpose": "preview"}],
)
def test_a_prefetch_redeems_no_code(shell, callback, headers):
    process, url = callback
    assert visit(url, **headers)[0] == 503
    time.sleep(0.5)
    assert process.poll() is None
    status, page = visit(url, Sec_Fetch_Mode="navigate")
    assert (status, "Logged in to PagerDuty" in page) == (200, True)
    succeeded(shell, process)


def test_who_comes_after_a_scanner_that_says_nothing_sees_the_success(shell, callback):
    process, url = callback
    assert "Logged in to PagerDuty" in visit(url)[1]
    time.sleep(0.5)
    assert "Logged in to PagerDuty" in visit(url, Sec_Fetch_Mode="navigate")[1]
    succeeded(shell, process)


def test_a_second_delivery_at_once_sees_the_success(shell, callback):
    process, url = callback
    for _ in range(2):
        assert "Logged in to PagerDuty" in visit(url, Sec_Fetch_Mode="navigate")[1]
    succeeded(shell, process)


def test_a_look_ahead_or_an_icon_does_not_end_the_login(shell, callback):
    process, url = callback
    assert visit(url, method="HEAD")[0] in (200, 204, 405, 501)
    assert visit(url.partition("/callback")[0] + "/favicon.ico")[0] == 404
    assert "Logged in to PagerDuty" in visit(url, Sec_Fetch_Mode="navigate")[1]
    succeeded(shell, process)


def test_a_browser_that_closed_before_its_page_may_reload(shell, callback):
    process, url = callback
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname, parts.port)) as connection:
        connection.sendall(f"GET {parts.path}?{parts.query} HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode())
    time.sleep(0.5)
    assert "Logged in to PagerDuty" in visit(url, Sec_Fetch_Mode="navigate")[1]
    succeeded(shell, process)
