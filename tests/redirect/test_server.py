"""The redirect server over real sockets: it takes one authorization response and ignores all other requests."""

import re
import socket
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from peers.redirect import OURS, PATH, QUERY, STATE, ask, finish, listening, port_of

from everyauth_cli.errors import LoginFailed
from everyauth_cli.loopback.server import IDLE_SECONDS
from everyauth_cli.pages.result import Result
from everyauth_cli.redirect.connections import MOST_SILENT
from everyauth_cli.redirect.server import RedirectServer

linux = pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")


@pytest.fixture
def login():
    with listening() as server:
        yield server


def test_our_response_ends_the_wait_and_its_page_shows_the_result(login):
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/callback/example", login.redirect_uri)
    finish(login)
    assert login.ignored_requests == []


def test_the_page_comes_only_after_the_result_is_known(login):
    with ThreadPoolExecutor(1) as pool:
        page = pool.submit(ask, login, OURS)
        login.wait(60)
        time.sleep(0.1)
        assert not page.done()
        login.show(Result(good=False, title="Not logged in", text="<b>denied</b>"))
        _, headers, text = page.result(60)
    assert "&lt;b&gt;denied&lt;/b&gt;" in text
    assert "c0de" not in text
    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] == "no-referrer"
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "Python" not in headers["server"]


def test_the_parameters_of_a_response_are_decoded_as_a_form(login):
    with ThreadPoolExecutor(1) as pool:
        pool.submit(ask, login, f"{PATH}?iss=https%3A%2F%2Fissuer.example%2Fa%2Bb+c&state={STATE}&code=c%260de")
        assert login.wait(5) == [("iss", "https://issuer.example/a+b c"), ("state", STATE), ("code", "c&0de")]
        login.show(Result(good=True, title="Logged in", text=""))


def test_an_error_with_our_state_is_a_response_too(login):
    with ThreadPoolExecutor(1) as pool:
        pool.submit(ask, login, f"{PATH}?error=access_denied&state={STATE}")
        assert login.wait(60) == [("error", "access_denied"), ("state", STATE)]
        login.show(Result(good=False, title="Not logged in", text="denied"))


STRAYS = [
    ("/favicon.ico", 404),
    ("/", 404),
    (PATH, 404),
    (PATH + "/?code=c0de&state=" + STATE, 404),
    ("/callback/other?code=c0de&state=" + STATE, 404),
    ("/CALLBACK/example?code=c0de&state=" + STATE, 404),
    ("//evil.example" + OURS, 404),
    (PATH + "?code=c0de", 400),
    (PATH + "?code=foreign&state=foreign", 400),
    (PATH + "?code=c0de&state=", 400),
    (PATH + "?code=c0de&state=our-state&state=our-state", 400),
    (PATH + "?error=access_denied&state=foreign", 400),
    (PATH + "?code=%ff%00&state=%0d%0a", 400),
]


@pytest.mark.parametrize(("target", "status"), STRAYS)
def test_a_stray_request_does_not_end_the_login(login, target, status):
    answered, _, text = ask(login, target)
    assert answered == status
    assert "c0de" not in text
    with pytest.raises(LoginFailed):
        login.wait(0)
    finish(login)
    assert login.ignored_requests == []


def test_an_error_without_state_is_reported_and_does_not_end_the_login(login):
    status, _, text = ask(login, f"{PATH}?error=access_denied&error_description=no%1b%5b31m%0athanks")
    assert status == 400
    assert "An unverified error" in text
    assert "thanks" not in text
    assert login.ignored_requests == ["an error response without state (access_denied)"]
    for code in ("access_denied", "Your+account+is+locked:+call+555", "a" * 51):
        assert ask(login, f"{PATH}?error={code}")[0] == 400
    assert len(login.ignored_requests) == 1
    finish(login)


def test_a_message_in_the_place_of_an_error_code_is_not_shown(login):
    ask(login, f"{PATH}?error=Your+account+is+locked:+call+555")
    assert login.ignored_requests == ["an error response without state"]


def test_an_error_of_another_authorization_server_is_not_shown(login):
    login.expect(lambda _: False, may_show=lambda query: ("iss", "https://issuer.example") in query)
    _, _, text = ask(login, f"{PATH}?error=evil_error&iss=https://evil.example")
    assert login.ignored_requests == ["an error response without state"]
    assert "evil" not in text


@pytest.mark.parametrize("method", ["HEAD", "POST", "PUT", "DELETE", "TRACE", "BREW"])
def test_another_method_does_not_end_the_login(login, method):
    status, _, _ = ask(login, OURS, method=method, body=b"code=c0de&state=our-state" if method == "POST" else None)
    assert status >= 400
    with pytest.raises(LoginFailed):
        login.wait(0)
    finish(login)


def test_a_preflight_is_answered_and_does_not_end_the_login(login):
    preflight = {"Origin": "https://issuer.example", "Access-Control-Request-Method": "GET"}
    status, headers, _ = ask(
        login, OURS, method="OPTIONS", headers={**preflight, "Access-Control-Request-Private-Network": "true"}
    )
    assert (status, headers["Access-Control-Allow-Private-Network"]) == (204, "true")
    _, headers, _ = ask(login, OURS, method="OPTIONS", headers=preflight)
    assert headers["Access-Control-Allow-Private-Network"] is headers["Access-Control-Allow-Origin"] is None
    with pytest.raises(LoginFailed):
        login.wait(0)
    finish(login)


RAW = {
    "nothing": b"",
    "half a line": b"GET /callback",
    "garbage": bytes(range(256)) * 8 + b"\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(100),
    "huge line": b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n",
    "huge query": b"GET " + OURS.encode() + b"&a=" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n",
    "many headers": b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 500 + b"\r\n",
    "old HTTP": b"GET /\r\n",
    "bad address": b"GET http://[ HTTP/1.1\r\n\r\n",
    "bad version": b"GET " + OURS.encode() + b" HTTP/x\r\n\r\n",
}


@pytest.mark.parametrize("sent", RAW.values(), ids=RAW)
def test_invalid_requests_do_not_end_the_login(login, sent):
    with socket.create_connection(("127.0.0.1", port_of(login)), timeout=60) as connection:
        # The server closes the connection before all of an overlong request was sent.
        with suppress(OSError):
            connection.sendall(sent)
            connection.shutdown(socket.SHUT_WR)
        with pytest.raises(LoginFailed):
            login.wait(0.02)
    finish(login)


@pytest.mark.slow
@pytest.mark.parametrize("sent", [b"", b"GET /callback/example?"], ids=["silent", "slow"])
def test_many_connections_without_a_request_do_not_block_the_login(login, sent):
    with ExitStack() as idle:
        for _ in range(MOST_SILENT * 3):
            idle.enter_context(socket.create_connection(("127.0.0.1", port_of(login)))).sendall(sent)
        finish(login)
        assert threading.active_count() < MOST_SILENT * 2


@pytest.mark.slow
def test_a_request_that_trickles_is_cut_off(login):
    with socket.create_connection(("127.0.0.1", port_of(login))) as connection:
        connection.settimeout(0.5)
        began = time.monotonic()
        with suppress(ConnectionError):
            while time.monotonic() - began < 4 * IDLE_SECONDS:
                connection.sendall(b"G")
                with suppress(TimeoutError):
                    assert connection.recv(1) == b""
                    break
    assert time.monotonic() - began < 3 * IDLE_SECONDS
    finish(login)


def test_two_genuine_responses_get_the_same_page(login):
    with ThreadPoolExecutor(2) as pool:
        pages = [pool.submit(ask, login, target) for target in (OURS, OURS + "&again=1")]
        query = login.wait(60)
        time.sleep(0.1)
        login.show(Result(good=True, title="Logged in", text="as ann"))
        texts = {page.result(60)[2] for page in pages}
    assert query[:2] == QUERY
    assert len(texts) == 1
    assert login.wait(0) is query


def test_a_reload_after_the_result_shows_it_again(login):
    finish(login)
    assert "Logged in" in ask(login, OURS)[2]


def test_many_stray_requests_at_once_do_not_block_the_response(login):
    stop = threading.Event()

    def pester(number):
        while not stop.is_set():
            ask(login, STRAYS[number % len(STRAYS)][0])

    with ThreadPoolExecutor(16) as pool:
        pests = [pool.submit(pester, number) for number in range(16)]
        try:
            finish(login)
        finally:
            stop.set()
        for pest in pests:
            pest.result(60)


@pytest.mark.alone
def test_an_unfinished_login_times_out(login):
    started = time.monotonic()
    with pytest.raises(LoginFailed, match="was not finished") as caught:
        login.wait(0.1)
    assert 0.1 <= time.monotonic() - started < 1
    assert caught.value.exit_code == 4


def test_before_a_login_is_expected_every_request_is_a_stray():
    with RedirectServer(PATH, host="127.0.0.1", port=0, on_ignored=lambda _: None) as server:
        assert ask(server, OURS)[0] == 400


def listeners(port):
    """Return the addresses that have a listener on a port, from the kernel's tables."""
    found = set()
    for family in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{family}").read_text().splitlines()[1:]:
            address, _, number = line.split()[1].partition(":")
            if line.split()[3] == "0A" and int(number, 16) == port:
                found.add(address)
    return found


V4, V6 = "0100007F", "00000000000000000000000001000000"


@linux
def test_the_server_listens_on_loopback_only(login):
    assert listeners(port_of(login)) == {V4}


@linux
def test_localhost_is_both_loopback_addresses():
    with listening("localhost") as login:
        assert re.fullmatch(r"http://localhost:\d+/callback/example", login.redirect_uri)
        assert listeners(port_of(login)) == {V4, V6}
        assert ask(login, "/", host="127.0.0.1")[0] == ask(login, "/", host="::1")[0] == 404
        with ThreadPoolExecutor(1) as pool:
            page = pool.submit(ask, login, OURS, host="::1")
            assert login.wait(60) == QUERY
            login.show(Result(good=True, title="Logged in", text="as ann"))
            assert page.result(60)[0] == 200


@pytest.mark.slow
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_the_port_is_free_again_at_once(host):
    with listening(host) as login:
        port = port_of(login)
        finish(login)
    for _ in range(2):
        with listening(host, port) as login:
            assert port_of(login) == port
            finish(login)


@linux
def test_the_port_is_free_after_an_error():
    def fail(login):
        assert listeners(port_of(login))
        raise KeyError(port_of(login))

    with pytest.raises(KeyError) as caught, listening("localhost") as login:
        fail(login)
    assert listeners(caught.value.args[0]) == set()
