"""A redirect server that waits for a response with our state, and the requests of its browser and of others."""

import http.client
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from everyauth_cli.pages.result import Result
from everyauth_cli.redirect.server import RedirectServer

PATH = "/callback/example"
STATE = "our-state"
OURS = f"{PATH}?code=c0de&state={STATE}"
QUERY = [("code", "c0de"), ("state", STATE)]


def is_ours(query):
    return [value for name, value in query if name == "state"] == [STATE]


@contextmanager
def listening(host="127.0.0.1", port=0, **options):
    """Start a redirect server that expects our state; `ignored_requests` collects what it tells of."""
    ignored = []
    with RedirectServer(PATH, host=host, port=port, on_ignored=ignored.append, **options) as server:
        server.expect(is_ours)
        server.ignored_requests = ignored
        yield server


def port_of(login):
    return int(login.redirect_uri.rpartition(":")[2].partition("/")[0])


def ask(login, target, *, method="GET", headers=None, body=None, host="127.0.0.1"):
    connection = http.client.HTTPConnection(host, port_of(login), timeout=60)
    try:
        connection.request(method, target, headers=headers or {}, body=body)
        response = connection.getresponse()
        return response.status, response.headers, response.read().decode()
    finally:
        connection.close()


def finish(login):
    """Send the genuine response and show the result, as every test does after a stray request."""
    with ThreadPoolExecutor(1) as pool:
        page = pool.submit(ask, login, OURS)
        assert login.wait(60) == QUERY
        login.show(Result(good=True, title="Logged in", text="as ann"))
        status, _, text = page.result(60)
    assert status == 200
    assert "Logged in" in text
    assert "as ann" in text
