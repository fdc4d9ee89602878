"""Responses that break off, trickle in, arrive while nobody runs, or are packed although that was not asked for."""

import gzip
import signal
import socket
import subprocess
import sys
import threading
import time
import zlib
from contextlib import suppress

import pytest
from peers.http_server import HEAD, OK, Peer, refresh_request, rude

from everyauth_cli.errors import ServiceUnreachable, ServiceUnreadable
from everyauth_cli.model import Secret
from everyauth_cli.transport import send
from everyauth_cli.transport.body import MAX_BODY_BYTES
from everyauth_cli.transport.sending import _sent


@pytest.fixture
def peer():
    with Peer() as running:
        yield running


def test_a_response_that_decompresses_to_more_than_one_mebibyte_is_refused(peer):
    peer.headers, peer.body = {"Content-Encoding": "gzip"}, gzip.compress(bytes(32 * MAX_BODY_BYTES))
    assert len(peer.body) < MAX_BODY_BYTES
    with pytest.raises(ServiceUnreadable, match="more than 1 MiB"):
        send(refresh_request(peer.url))


@pytest.mark.parametrize(
    ("sent", "body"),
    [
        (b"Content-Length: 100\r\n\r\n" + OK, OK),
        (b"Content-Length: 100\r\n\r\n", b""),
        (b"Transfer-Encoding: chunked\r\n\r\n15\r\n" + OK, OK),
        (b"Transfer-Encoding: chunked\r\n\r\n15\r\n" + OK + b"\r\n", OK),
        (b"Transfer-Encoding: chunked\r\n\r\n15\r\n" + OK[:9], OK[:9]),
        (b"Transfer-Encoding: chunked\r\n\r\n15\r\n" + OK + b"\r\nno number\r\n", OK),
    ],
)
@pytest.mark.parametrize("reset", [False, True])
def test_a_body_that_breaks_off_is_returned_as_far_as_it_came(sent, body, reset):
    with rude(HEAD + sent, reset=reset) as url:
        response = send(refresh_request(url))
    # A reset may overtake what was sent before it.
    assert response.body.reveal() in ((body, b"") if reset else (body,))
    assert (response.status, response.is_complete) == (200, False)


def test_a_whole_body_is_said_to_be_whole(peer):
    assert send(refresh_request(peer.url)).is_complete is True
    with rude(HEAD + b"\r\n" + OK) as url:
        assert send(refresh_request(url)).is_complete is True


def raw_deflate(body):
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return compressor.compress(body) + compressor.flush()


@pytest.mark.parametrize(
    ("coding", "body", "read", "is_complete"),
    [
        ("gzip", gzip.compress(OK, mtime=0), OK, True),
        ("X-GZip", gzip.compress(OK, mtime=0), OK, True),
        ("deflate", zlib.compress(OK), OK, True),
        ("deflate", raw_deflate(OK), OK, True),
        ("gzip", OK, OK, True),
        ("deflate", OK, OK, True),
        ("gzip", b"nope", b"nope", True),
        ("gzip", b"", b"", True),
        ("gzip", gzip.compress(OK, mtime=0)[:-8], OK, False),
        ("gzip", gzip.compress(OK, mtime=0)[:9], gzip.compress(OK, mtime=0)[:9], True),
        ("identity", OK, OK, True),
        ("br", OK, OK, True),
        ("gzip, gzip", gzip.compress(OK, mtime=0), gzip.compress(OK, mtime=0), True),
    ],
)
def test_a_body_that_is_packed_all_the_same_is_unpacked(peer, coding, body, read, is_complete):
    peer.headers, peer.body = {"Content-Encoding": coding}, body
    response = send(refresh_request(peer.url))
    assert (response.body, response.is_complete) == (Secret(read), is_complete)
    assert peer.requests[0].headers["Accept-Encoding"] == "identity"


@pytest.mark.parametrize("here", [False, True])
@pytest.mark.parametrize(
    ("begin", "drop"),
    [
        (b"HTTP/1.1 200 OK\r\n", b"X: 1\r\n"),
        (HEAD + b"\r\n" + OK, b" "),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n15\r\n" + OK + b"\r\n", b"1\r\n \r\n"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n15\r\n" + OK + b"\r\n1", b";extension"),
        (b"", b"HTTP/1.1 102 Processing\r\n\r\n"),
        (b"HTTP/1.1 ", b"2"),
        (HEAD + b"X: ", b"y"),
    ],
)
def test_a_response_that_trickles_in_leaves_no_thread_behind(begin, drop, here):
    def serve():
        connection, _ = server.accept()
        with connection, suppress(OSError):
            connection.recv(65536)
            connection.sendall(begin)
            while True:
                time.sleep(0.05)
                connection.sendall(drop)

    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(60)
        before = set(threading.enumerate())
        thread = threading.Thread(target=serve)
        thread.start()
        began = time.monotonic()
        request = refresh_request(f"http://127.0.0.1:{server.getsockname()[1]}/")
        if OK in begin:
            response = _sent(request, 0.5, here=here)
            assert (response.body.reveal().strip(), response.is_complete) == (OK, False)
        else:
            with pytest.raises(ServiceUnreachable, match="did not answer within") as caught:
                _sent(request, 0.5, here=here)
            assert caught.value.lost is True
        # On a busy machine; test_deadlines.py measures how soon a deadline cuts.
        assert time.monotonic() - began < 20
        for started in set(threading.enumerate()) - before:
            started.join(60)
        assert set(threading.enumerate()) <= before


@pytest.mark.slow
@pytest.mark.parametrize(
    ("begin", "flood"),
    [
        (b"", b"HTTP/1.1 103 Early Hints\r\n\r\n" * 1000),
        (HEAD + b"X: ", b"y" * 65536),
        (HEAD, b"X: y\r\n" * 10_000),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n1;", b"extension" * 8000),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", (b"1;" + b"x" * 60_000 + b"\r\n \r\n") * 10),
    ],
)
def test_a_flood_ends_before_the_deadline(begin, flood):
    def serve():
        connection, _ = server.accept()
        with connection, suppress(OSError):
            connection.recv(65536)
            connection.sendall(begin)
            while True:
                connection.sendall(flood)

    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(60)
        thread = threading.Thread(target=serve)
        thread.start()
        began = time.monotonic()
        request = refresh_request(f"http://127.0.0.1:{server.getsockname()[1]}/")
        if b"chunked" in begin:
            assert _sent(request, 200, here=False).is_complete is False
        else:
            with pytest.raises(ServiceUnreachable):
                _sent(request, 200, here=False)
        assert time.monotonic() - began < 100
        thread.join(60)
        assert not thread.is_alive()


STOPPED = """
import sys, threading
from everyauth_cli.model import Request
from everyauth_cli.transport.sending import _sent
print(_sent(Request(url=sys.argv[1]), 2.0, here=sys.argv[2] == "here").body.reveal().decode())
"""


@pytest.mark.slow
@pytest.mark.parametrize("here", ["here", "elsewhere"])
def test_what_arrived_while_the_process_was_stopped_is_read(here):
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(60)
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        with subprocess.Popen([sys.executable, "-c", STOPPED, url, here], stdout=subprocess.PIPE) as process:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                process.send_signal(signal.SIGSTOP)
                connection.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % len(OK) + OK)
                time.sleep(3)
                process.send_signal(signal.SIGCONT)
                assert process.communicate(timeout=60)[0].strip() == OK


def test_after_the_deadline_nothing_is_sent():
    late = threading.Event()

    class Slow:
        """The headers of a request, which can be read after the deadline only."""

        def keys(self):
            late.wait(60)
            return ["A"]

        def __getitem__(self, name):
            return "b"

    with Peer() as peer:
        with pytest.raises(ServiceUnreachable) as caught:
            _sent(refresh_request(peer.url, headers=Slow()), 0.1, here=False)
        late.set()
        time.sleep(0.5)
        assert (caught.value.lost, peer.requests) == (False, [])
