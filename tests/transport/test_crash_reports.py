"""A request that fails leaves no secret in the locals of a traceback."""

from __future__ import annotations

import pytest
from peers.crash_reporter import assert_hidden, maybe_raised, raised
from peers.http_server import Peer, rude

from everyauth_cli.model import BodyFormat, Request, Secret
from everyauth_cli.transport import send

REQUESTS = {
    "a form": {"fields": {"refresh_token": Secret("refresh-canary")}},
    "JSON": {"fields": {"refresh_token": Secret("refresh-canary")}, "body": BodyFormat.JSON},
    "basic": {"basic": ("id", Secret("secret-canary"))},
    "bearer": {"bearer": Secret("access-canary")},
    "rest": {"rest": Secret("/access-canary")},
}


@pytest.mark.parametrize("how", REQUESTS)
@pytest.mark.parametrize(
    "sent",
    [
        [],
        [b"canary1234567890abcdef is no HTTP\r\n\r\n"],
        [b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\ncanary"],
        [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\ncanary"],
        [b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 6\r\n\r\ncanary"],
        [b"HTTP/1.1 200 OK\r\nContent-Length: 2000000\r\n\r\n" + b"canary" * 300_000],
    ],
)
def test_a_request_that_fails_on_the_way(how, sent):
    with rude(*sent) as url:
        if (error := maybe_raised(lambda: send(Request(url=url, **REQUESTS[how])))) is not None:
            assert_hidden(error)


@pytest.mark.parametrize("how", REQUESTS)
@pytest.mark.parametrize("url", ["http://127.0.0.1:1/token", "https://nowhere.invalid/token"])
@pytest.mark.parametrize("deadline", [None, 5.0])
def test_a_request_that_is_never_sent(how, url, deadline):
    assert_hidden(raised(lambda: send(Request(url=url, **REQUESTS[how]), deadline=deadline)))


def test_a_request_over_tls_that_is_none():
    with Peer() as peer:
        url = peer.url.replace("http:", "https:")
        for how in REQUESTS.values():
            assert_hidden(raised(lambda how=how: send(Request(url=url, **how))))
