"""The start page over real sockets: it leads one browser to the service, and no other program."""

import http.client
from contextlib import contextmanager

import pytest

from everyauth_cli.errors import LoginFailed
from everyauth_cli.redirect.server import RedirectServer

SERVICE = "https://auth.example/authorize?client_id=ours&state=our-state"
CHROME_PREFETCH = {"Sec-Purpose": "prefetch;prerender", "Purpose": "prefetch"}


@contextmanager
def starting(**options):
    ignored = []
    given = {"host": "127.0.0.1", "port": 0, "on_ignored": ignored.append, **options}
    with RedirectServer("/callback/example", **given) as server:
        server.expect(lambda query: ("state", "our-state") in query)
        server.url = server.start_page(SERVICE)
        yield server


@pytest.fixture
def login():
    with starting() as server:
        yield server


def ask(url, *, method="GET", **headers):
    host, path = url.removeprefix("http://").split("/", 1)
    connection = http.client.HTTPConnection(host, timeout=60)
    try:
        connection.request(method, f"/{path}", headers={name.replace("_", "-"): headers[name] for name in headers})
        response = connection.getresponse()
        return response.status, response.headers, response.read().decode()
    finally:
        connection.close()


def test_the_page_leads_to_the_service_and_holds_no_state_itself(login):
    assert "state" not in login.url.removeprefix("http://").replace("start", "")
    status, headers, body = ask(login.url)
    assert (status, headers["location"], body) == (302, SERVICE, "")
    assert (headers["cache-control"], headers["referrer-policy"]) == ("no-store", "no-referrer")
    assert "HttpOnly" in headers["set-cookie"]


def test_the_browser_that_came_first_may_come_again(login):
    _, headers, _ = ask(login.url)
    cookie = headers["set-cookie"].partition(";")[0]
    assert ask(login.url, Cookie=f"other=1; {cookie}")[0] == 302
    with pytest.raises(LoginFailed, match="was not finished"):
        login.wait(0)


@pytest.mark.parametrize("cookie", ["", "everyauth-start=guess", "everyauth-start", ";;=\x7f"])
def test_a_browser_that_comes_second_stops_the_login(login, cookie):
    ask(login.url)
    status, headers, body = ask(login.url, Cookie=cookie)
    assert (status, headers["location"]) == (410, None)
    assert "was opened before" in body
    assert "our-state" not in body
    with pytest.raises(LoginFailed, match="another program opened its start page before your browser"):
        login.wait(1)


def test_a_response_that_is_there_already_counts(login):
    ask(login.url)
    login.take([("code", "c0de"), ("state", "our-state")])
    ask(login.url)
    assert login.wait(0) == [("code", "c0de"), ("state", "our-state")]


@pytest.mark.parametrize(
    "headers", [CHROME_PREFETCH, {"Purpose": "prefetch"}, {"X-Moz": "prefetch"}, {"X-Purpose": "preview"}], ids=str
)
def test_what_a_browser_asks_ahead_of_its_user_uses_nothing_up(login, headers):
    status, answered, _ = ask(login.url, **{name.replace("-", "_"): value for name, value in headers.items()})
    assert (status, answered["location"]) == (503, None)
    assert ask(login.url, method="HEAD")[0] == 200
    assert ask(login.url)[0] == 302


def test_another_path_is_no_start_page(login):
    for path in ("start", "start/", "start/guess"):
        assert ask(f"{login.url.partition('/start/')[0]}/{path}")[0] == 404
    assert ask(login.url)[0] == 302


def test_a_login_that_ends_elsewhere_has_only_the_start_page():
    with starting(ends_at="https://you.example/callback/example") as login:
        assert not login.listens
        assert login.redirect_uri == "https://you.example/callback/example"
        assert ask(login.url)[0] == 302
        base = login.url.partition("/start/")[0]
        for path in ("/", "/callback/example"):
            assert ask(f"{base}{path}?code=c0de&state=our-state")[0] == 404
        with pytest.raises(LoginFailed, match="was not finished"):
            login.wait(0)
