"""Requests over real sockets: sent once and unchanged; errors say whether a request may have arrived."""

import base64
import json
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from urllib.parse import parse_qs

import pytest
from peers.http_server import HEAD, OK, Peer, refresh_request, rude
from peers.ports import free_port

from everyauth_cli import __version__
from everyauth_cli.errors import ServiceUnreachable, ServiceUnreadable
from everyauth_cli.flows import waits
from everyauth_cli.flows.refresh_run import RUN_SECONDS
from everyauth_cli.flows.saving import STORE_SECONDS
from everyauth_cli.flows.single_flight import LONGEST_SECONDS
from everyauth_cli.model import Request, Secret
from everyauth_cli.store.records import LOCK_SECONDS
from everyauth_cli.transport import send
from everyauth_cli.transport.body import MAX_BODY_BYTES
from everyauth_cli.transport.sending import DEADLINE_SECONDS


@pytest.fixture
def peer():
    with Peer() as running:
        yield running


def test_a_form_arrives_as_it_was_meant(peer):
    send(refresh_request(peer.url + "?tenant=a", headers={"Accept": "application/json"}))
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
    send(refresh_request(peer.url, body="json"))
    (request,) = peer.requests
    assert request.headers["Content-Type"] == "application/json"
    assert json.loads(request.body) == {"grant_type": "refresh_token", "refresh_token": "r/ü&="}


def test_basic_authentication_arrives_as_it_was_meant(peer):
    send(refresh_request(peer.url, basic=("the+id", Secret("s%2Fcret"))))
    (request,) = peer.requests
    assert request.headers["Authorization"] == "Basic " + base64.b64encode(b"the+id:s%2Fcret").decode()
    assert b"cret" not in request.body


def test_a_response_is_returned_unchanged(peer):
    peer.status, peer.headers = 429, {"Content-Type": "text/html; charset=utf-8", "Retry-After": "120"}
    response = send(refresh_request(peer.url))
    assert (response.status, response.content_type, response.retry_after) == (429, "text/html; charset=utf-8", "120")
    assert response.body == Secret(OK)
    assert "access_token" not in repr(response)


def test_a_response_without_headers_is_returned_too(peer):
    peer.headers, peer.body = {}, b""
    response = send(refresh_request(peer.url))
    assert (response.content_type, response.retry_after, response.body) == ("", None, Secret(b""))


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(peer, status):
    with Peer() as other:
        peer.status, peer.headers = status, {"Location": other.url}
        assert send(refresh_request(peer.url)).status == status
        assert other.requests == []
    assert len(peer.requests) == 1


def test_cookies_are_not_sent_back(peer):
    peer.headers = {"Set-Cookie": "session=1"}
    for _ in range(2):
        send(refresh_request(peer.url))
    assert [request.headers.get("Cookie") for request in peer.requests] == [None, None]


def test_a_connection_is_closed_after_its_response_though_the_server_would_keep_it():
    with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor(1) as pool:
        server.settimeout(60)
        for _ in range(2):
            sending = pool.submit(send, refresh_request(f"http://127.0.0.1:{server.getsockname()[1]}/"))
            connection, _ = server.accept()
            with connection:
                connection.settimeout(60)
                while b"\r\n\r\n" not in connection.recv(65536):
                    pass
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\n{}")
                assert sending.result(60).status == 200
                # The rest of the request, and then its end.
                while connection.recv(65536):
                    pass


@pytest.mark.parametrize("status", [408, 500, 502, 503])
def test_a_request_is_sent_once(peer, status):
    peer.status = status
    assert send(refresh_request(peer.url)).status == status
    assert len(peer.requests) == 1


def test_one_mebibyte_is_the_largest_response(peer):
    peer.body = b"x" * MAX_BODY_BYTES
    assert send(refresh_request(peer.url)).body == Secret(peer.body)
    peer.body += b"x"
    with pytest.raises(ServiceUnreadable, match="more than 1 MiB"):
        send(refresh_request(peer.url))


def test_an_endless_response_is_cut_off():
    def serve():
        connection, _ = server.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
            with suppress(OSError):
                while True:
                    connection.sendall(b" " * 65536)

    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(60)
        thread = threading.Thread(target=serve)
        thread.start()
        with pytest.raises(ServiceUnreadable, match="more than 1 MiB"):
            send(refresh_request(f"http://127.0.0.1:{server.getsockname()[1]}/"))
        thread.join(60)
        assert not thread.is_alive()


def unreachable(url):
    with pytest.raises(ServiceUnreachable) as caught:
        send(refresh_request(url, basic=("id", Secret("s3cret"))))
    assert caught.value.exit_code == 5
    assert "s3cret" not in caught.value.message
    return caught.value


def test_a_refused_connection_has_sent_nothing():
    error = unreachable(f"http://127.0.0.1:{free_port()}/token")
    assert error.lost is False
    assert "cannot connect to 127.0.0.1" in error.message


def test_a_server_without_tls_gets_nothing(peer):
    error = unreachable(peer.url.replace("http:", "https:"))
    assert error.lost is False
    assert peer.requests == []


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
def test_after_an_incomplete_response_the_request_may_have_arrived(sent, reset):
    with rude(*sent, reset=reset) as url:
        assert unreachable(url).lost is True


PROXIES = ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "HTTPS_PROXY"]


@pytest.fixture
def setenv(monkeypatch):
    """Set a variable in an environment without proxies, which cannot be passed in."""
    for variable in (*PROXIES, "https_proxy", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(variable, raising=False)
    return monkeypatch.setenv


@pytest.mark.parametrize("variable", PROXIES)
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_loopback_never_goes_through_a_proxy(setenv, variable, host):
    with Peer() as proxy, Peer("127.0.0.1" if host == "localhost" else host) as peer:
        setenv(variable, f"http://{proxy.host}")
        url = peer.url.replace("127.0.0.1", "localhost") if host == "localhost" else peer.url
        assert send(refresh_request(url)).body == Secret(OK)
        assert (len(peer.requests), proxy.requests) == (1, [])


@pytest.mark.parametrize("variable", PROXIES[:4])
def test_other_hosts_are_reached_through_the_configured_proxy(setenv, peer, variable):
    setenv(variable, f"http://{peer.host}")
    assert send(refresh_request("http://service.example/token")).body == Secret(OK)
    assert [request.path for request in peer.requests] == ["http://service.example/token"]


@pytest.mark.parametrize("scheme", ["http", "socks5"])
@pytest.mark.parametrize("sent", [[], [b"\x00\xff\x1b[2J\r\n\r\n"], [b"SSH-2.0-x\r\n"]])
def test_what_is_no_proxy_is_named_with_its_variable(setenv, scheme, sent):
    with rude(*sent) as url:
        address = url.removeprefix("http").removesuffix("/token")
        setenv("HTTPS_PROXY", f"{scheme}{address}")
        with pytest.raises(ServiceUnreachable, match=r"asked to connect to [a-z.]+, is probably none") as caught:
            send(refresh_request("https://issuer.example/token"))
    assert f"the proxy {scheme}{address}" in caught.value.message
    assert caught.value.hint == "correct HTTPS_PROXY, or exempt the host: NO_PROXY=issuer.example"
    assert not caught.value.lost


def test_an_unreachable_proxy_gets_nothing(setenv):
    setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port()}")
    assert unreachable("http://service.example/token").lost is False


def test_the_deadline_is_shorter_than_the_wait_for_a_lock():
    assert DEADLINE_SECONDS < LOCK_SECONDS


def test_a_lock_and_a_deadly_signal_wait_longer_than_a_refresh_takes():
    assert RUN_SECONDS + STORE_SECONDS < LOCK_SECONDS
    assert waits.LOCK_SECONDS + RUN_SECONDS + STORE_SECONDS < LONGEST_SECONDS
