"""Requests over real sockets: what arrives as it was meant, what is refused, and whether a request may have arrived."""

import base64
import gzip
import json
import signal
import socket
import subprocess
import sys
import threading
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

import pytest

from everyauth_cli import __version__
from everyauth_cli.errors import ServiceUnreachable, ServiceUnreadable
from everyauth_cli.model import Request, Secret
from everyauth_cli.store.records import LOCK_SECONDS
from everyauth_cli.transport import DEADLINE_SECONDS, MAX_BODY_BYTES, _made_client, _sent, send

OK = b'{"access_token": "a"}'


@dataclass
class Received:
    """What a server was sent."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Peer:
    """A server that writes down what it is sent, and answers it all alike."""

    def __init__(self, host="127.0.0.1"):
        self.status, self.headers, self.body = 200, {"Content-Type": "application/json"}, OK
        self.requests = []
        peer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                peer.requests.append(Received(self.command, self.path, dict(self.headers), body))
                self.send_response(peer.status)
                for name, value in {**peer.headers, "Content-Length": str(len(peer.body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(peer.body)

            def do_GET(self):
                self.do_POST()

            def log_message(self, *_):
                pass

        class Server(ThreadingHTTPServer):
            address_family = socket.AF_INET6 if ":" in host else socket.AF_INET

            def handle_error(self, *_):
                """A client that stops reading is expected."""

        self.server = Server((host, 0), Handler)
        self.host = f"[{host}]:{self.server.server_port}" if ":" in host else f"{host}:{self.server.server_port}"
        self.url = f"http://{self.host}/token"

    def __enter__(self):
        self._thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
        self._thread.join()


@pytest.fixture
def peer():
    with Peer() as running:
        yield running


@contextmanager
def rude(*sent, reset=False):
    """A server that sends these bytes to whoever comes, without HTTP's manners, and hangs up."""

    def serve():
        connection, _ = server.accept()
        with connection:
            connection.recv(65536)
            for part in sent:
                connection.sendall(part)
            if reset:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/token"
        thread.join()


def token_request(url, **how):
    return Request(url=url, **{"fields": {"grant_type": "refresh_token", "refresh_token": Secret("r/ü&=")}, **how})


def test_a_form_arrives_as_it_was_meant(peer):
    send(token_request(peer.url + "?tenant=a", headers={"Accept": "application/json"}))
    (request,) = peer.requests
    assert request.path == "/token?tenant=a"
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert request.headers["Accept"] == "application/json"
    assert "Authorization" not in request.headers
    assert request.headers["User-Agent"] == f"everyauth/{__version__}"
    assert "Cookie" not in request.headers
    assert parse_qs(request.body.decode()) == {"grant_type": ["refresh_token"], "refresh_token": ["r/ü&="]}


def test_a_get_with_a_bearer_token_arrives_as_it_was_meant(peer):
    send(Request(url=peer.url, method="GET", bearer=Secret("t0ken")))
    (request,) = peer.requests
    assert (request.method, request.path, request.body) == ("GET", "/token", b"")
    assert request.headers["Authorization"] == "Bearer t0ken"
    assert "Content-Type" not in request.headers


def test_json_arrives_as_it_was_meant(peer):
    send(token_request(peer.url, body="json"))
    (request,) = peer.requests
    assert request.headers["Content-Type"] == "application/json"
    assert json.loads(request.body) == {"grant_type": "refresh_token", "refresh_token": "r/ü&="}


def test_basic_authentication_arrives_as_it_was_meant(peer):
    send(token_request(peer.url, basic=("the+id", Secret("s%2Fcret"))))
    (request,) = peer.requests
    assert request.headers["Authorization"] == "Basic " + base64.b64encode(b"the+id:s%2Fcret").decode()
    assert b"cret" not in request.body


def test_an_answer_is_given_as_it_came(peer):
    peer.status, peer.headers = 429, {"Content-Type": "text/html; charset=utf-8", "Retry-After": "120"}
    answer = send(token_request(peer.url))
    assert (answer.status, answer.content_type, answer.retry_after) == (429, "text/html; charset=utf-8", "120")
    assert answer.body == Secret(OK)
    assert "access_token" not in repr(answer)


def test_an_answer_without_headers_is_given_too(peer):
    peer.headers, peer.body = {}, b""
    answer = send(token_request(peer.url))
    assert (answer.content_type, answer.retry_after, answer.body) == ("", None, Secret(b""))


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(peer, status):
    with Peer() as other:
        peer.status, peer.headers = status, {"Location": other.url}
        assert send(token_request(peer.url)).status == status
        assert other.requests == []
    assert len(peer.requests) == 1


def test_nothing_that_a_server_sets_is_sent_back_to_it(peer):
    peer.headers = {"Set-Cookie": "session=1"}
    for _ in range(2):
        send(token_request(peer.url))
    assert [request.headers.get("Cookie") for request in peer.requests] == [None, None]


def test_a_connection_is_closed_after_its_answer_though_the_server_would_keep_it():
    with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor(1) as pool:
        for _ in range(2):
            sending = pool.submit(send, token_request(f"http://127.0.0.1:{server.getsockname()[1]}/"))
            connection, _ = server.accept()
            with connection:
                connection.settimeout(10)
                while b"\r\n\r\n" not in connection.recv(65536):
                    pass
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\n{}")
                assert sending.result(10).status == 200
                # What is left of the request, and then its end.
                while connection.recv(65536):
                    pass


def test_threads_that_send_at_once_make_one_client(peer):
    _made_client.cache_clear()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(send, [token_request(peer.url)] * 8))
    assert [answer.status for answer in answers] == [200] * 8
    assert _made_client.cache_info().misses == 1


@pytest.mark.parametrize("status", [408, 500, 502, 503])
def test_a_request_is_sent_once(peer, status):
    peer.status = status
    assert send(token_request(peer.url)).status == status
    assert len(peer.requests) == 1


def test_one_mebibyte_is_read_and_not_a_byte_more(peer):
    peer.body = b"x" * MAX_BODY_BYTES
    assert send(token_request(peer.url)).body == Secret(peer.body)
    peer.body += b"x"
    with pytest.raises(ServiceUnreadable, match="more than 1 MiB"):
        send(token_request(peer.url))


def test_what_grows_over_one_mebibyte_when_it_is_unpacked_is_refused(peer):
    peer.headers, peer.body = {"Content-Encoding": "gzip"}, gzip.compress(bytes(32 * MAX_BODY_BYTES))
    assert len(peer.body) < MAX_BODY_BYTES
    with pytest.raises(ServiceUnreadable, match="more than 1 MiB"):
        send(token_request(peer.url))


def test_an_endless_answer_is_broken_off():
    def serve():
        connection, _ = server.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
            with suppress(OSError):
                while True:
                    connection.sendall(b" " * 65536)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve)
        thread.start()
        with pytest.raises(ServiceUnreadable, match="more than 1 MiB"):
            send(token_request(f"http://127.0.0.1:{server.getsockname()[1]}/"))
        thread.join(5)
        assert not thread.is_alive()


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def unreachable(url):
    with pytest.raises(ServiceUnreachable) as caught:
        send(token_request(url, basic=("id", Secret("s3cret"))))
    assert caught.value.exit_code == 5
    assert "s3cret" not in caught.value.message
    return caught.value


def test_a_refused_connection_is_certain_to_have_brought_nothing():
    error = unreachable(f"http://127.0.0.1:{free_port()}/token")
    assert error.lost is False
    assert "cannot connect to 127.0.0.1" in error.message


def test_a_server_without_tls_was_sent_nothing(peer):
    error = unreachable(peer.url.replace("http:", "https:"))
    assert error.lost is False
    assert peer.requests == []


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


@pytest.mark.parametrize(
    "sent",
    [
        (),
        (b"HTTP/1.1 200 O",),
        (HEAD,),
        (b"SSH-2.0-OpenSSH_9.2\r\n",),
        (b"\x00\xff" * 50,),
    ],
)
@pytest.mark.parametrize("reset", [False, True])
def test_an_answer_that_breaks_off_may_have_been_meant(sent, reset):
    with rude(*sent, reset=reset) as url:
        assert unreachable(url).lost is True


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
        response = send(token_request(url))
    # A reset may overtake what was sent before it.
    assert response.body.reveal() in ((body, b"") if reset else (body,))
    assert (response.status, response.is_complete) == (200, False)


def test_a_whole_body_is_said_to_be_whole(peer):
    assert send(token_request(peer.url)).is_complete is True
    with rude(HEAD + b"\r\n" + OK) as url:
        assert send(token_request(url)).is_complete is True


def raw_deflate(body):
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return compressor.compress(body) + compressor.flush()


@pytest.mark.parametrize(
    ("coding", "body", "read", "is_complete"),
    [
        ("gzip", gzip.compress(OK), OK, True),
        ("X-GZip", gzip.compress(OK), OK, True),
        ("deflate", zlib.compress(OK), OK, True),
        ("deflate", raw_deflate(OK), OK, True),
        ("gzip", OK, OK, True),
        ("deflate", OK, OK, True),
        ("gzip", b"nope", b"nope", True),
        ("gzip", b"", b"", True),
        ("gzip", gzip.compress(OK)[:-8], OK, False),
        ("gzip", gzip.compress(OK)[:9], gzip.compress(OK)[:9], True),
        ("identity", OK, OK, True),
        ("br", OK, OK, True),
        ("gzip, gzip", gzip.compress(OK), gzip.compress(OK), True),
    ],
)
def test_a_body_that_is_packed_all_the_same_is_unpacked(peer, coding, body, read, is_complete):
    peer.headers, peer.body = {"Content-Encoding": coding}, body
    response = send(token_request(peer.url))
    assert (response.body, response.is_complete) == (Secret(read), is_complete)
    assert peer.requests[0].headers["Accept-Encoding"] == "identity"


@pytest.mark.parametrize("here", [False, True])
@pytest.mark.parametrize(
    ("begin", "drop"),
    [
        (b"HTTP/1.1 200 OK\r\n", b"X: 1\r\n"),
        (HEAD + b"\r\n" + OK, b" "),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n15\r\n" + OK + b"\r\n", b"1\r\n \r\n"),
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
        before = set(threading.enumerate())
        thread = threading.Thread(target=serve)
        thread.start()
        began = time.monotonic()
        request = token_request(f"http://127.0.0.1:{server.getsockname()[1]}/")
        if OK in begin:
            response = _sent(request, 0.5, here=here)
            assert (response.body.reveal().strip(), response.is_complete) == (OK, False)
        else:
            with pytest.raises(ServiceUnreachable, match="did not answer within") as caught:
                _sent(request, 0.5, here=here)
            assert caught.value.lost is True
        assert time.monotonic() - began < 2
        thread.join(5)
        time.sleep(0.1)
        assert set(threading.enumerate()) <= before


STOPPED = """
import sys, threading
from everyauth_cli.model import Request
from everyauth_cli.transport import _sent
print(_sent(Request(url=sys.argv[1]), 2.0, here=sys.argv[2] == "here").body.reveal().decode())
"""


@pytest.mark.parametrize("here", ["here", "elsewhere"])
def test_what_arrived_while_the_process_was_stopped_is_read(here):
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        with subprocess.Popen([sys.executable, "-c", STOPPED, url, here], stdout=subprocess.PIPE) as process:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                process.send_signal(signal.SIGSTOP)
                connection.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % len(OK) + OK)
                time.sleep(3)
                process.send_signal(signal.SIGCONT)
                assert process.communicate(timeout=30)[0].strip() == OK


def test_after_the_deadline_nothing_is_sent():
    late = threading.Event()

    class Slow:
        """The headers of a request, which can be read after the deadline only."""

        def keys(self):
            late.wait(10)
            return ["A"]

        def __getitem__(self, name):
            return "b"

    with Peer() as peer:
        with pytest.raises(ServiceUnreachable) as caught:
            _sent(token_request(peer.url, headers=Slow()), 0.1, here=False)
        late.set()
        time.sleep(0.5)
        assert (caught.value.lost, peer.requests) == (False, [])


PROXIES = ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "HTTPS_PROXY"]


@pytest.fixture
def setenv(monkeypatch):
    """Sets a variable in an environment without proxies: people set these there, and they cannot be passed in."""
    for variable in (*PROXIES, "https_proxy", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(variable, raising=False)
    return monkeypatch.setenv


@pytest.mark.parametrize("variable", PROXIES)
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_loopback_never_goes_through_a_proxy(setenv, variable, host):
    with Peer() as proxy, Peer("127.0.0.1" if host == "localhost" else host) as peer:
        setenv(variable, f"http://{proxy.host}")
        url = peer.url.replace("127.0.0.1", "localhost") if host == "localhost" else peer.url
        assert send(token_request(url)).body == Secret(OK)
        assert (len(peer.requests), proxy.requests) == (1, [])


@pytest.mark.parametrize("variable", PROXIES[:4])
def test_all_else_goes_through_the_proxy_that_is_set(setenv, peer, variable):
    setenv(variable, f"http://{peer.host}")
    assert send(token_request("http://service.example/token")).body == Secret(OK)
    assert [request.path for request in peer.requests] == ["http://service.example/token"]


def test_a_proxy_that_is_not_there_was_sent_nothing(setenv):
    setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port()}")
    assert unreachable("http://service.example/token").lost is False


def test_the_deadline_is_shorter_than_a_record_is_waited_for():
    assert DEADLINE_SECONDS < LOCK_SECONDS
