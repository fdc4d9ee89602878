"""The redirect server (RFC 8252 section 7.3): takes one authorization response, ignores all other requests."""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Callable, Container, Mapping
from types import TracebackType
from typing import Self
from urllib.parse import parse_qsl, urlsplit

from everyauth_cli.errors import LoginFailed, LoginTimedOut, PortInUse
from everyauth_cli.loopback.server import LoopbackHandler
from everyauth_cli.loopback.socket_table import is_strangers
from everyauth_cli.model import DEFAULT_PORT
from everyauth_cli.pages.document import HEADERS
from everyauth_cli.pages.result import Result, result_page
from everyauth_cli.redirect.connections import BoundedServer
from everyauth_cli.redirect.port import WELL_KNOWN, bind, greeting, login_at
from everyauth_cli.redirect.start_page import OPENED_BEFORE, StartPage, is_ahead_of_user
from everyauth_cli.redirect.waiter import Query, RedirectWaiter
from everyauth_cli.urls import LOOPBACK_HOSTS, host, is_url

LAST_PORT = 65535
TURN_SECONDS = 0.3
"""The pause between two tries to get a port that another login has."""

MOST_MISSES = 2
"""A port that is in use, and at which no login answers so often in a row, has another program."""

BROWSER_SECONDS, PROGRAM_SECONDS = 0.2, 1.0
"""The time after a success in which the same response gets the page once more: some browsers send it twice, and what
no browser sent may be a scanner's, whose user comes next. A browser that has left may be reloading the page."""

ERROR_CODE = re.compile(r"[A-Za-z0-9_-]{1,50}")
"""The shape of the standard error codes (RFC 6749 section 4.1.2.1), which leaves no room for a message."""

STILL_WAITING = (
    "The login in the terminal is still waiting: use the newest tab, or open the URL that the terminal shows."
)

NOT_FOUND = Result(
    good=False,
    title="Page not found",
    text="This address only takes the response to a login, and this URL has none.",
    next_step=STILL_WAITING,
)
OTHER_LOGIN = Result(
    good=False,
    title="This belongs to another login",
    text="That login is finished, or it was started again since. Nothing was stored.",
    next_step=STILL_WAITING,
)
UNVERIFIED = Result(
    good=False,
    title="An unverified error",
    text="This URL says that a login failed, but not which one, so it may be false.",
    next_step=f"{STILL_WAITING} If you denied access yourself, stop the login there with Ctrl-C.",
)


class RedirectServer(RedirectWaiter):
    """Waits for the authorization response with a server on loopback, which runs for the length of a `with` block.

    Every other request gets an error page, and the wait goes on; `on_ignored` gets a text about those that a person may
    want to know of, once for each kind. While another login has the port, `on_turn` is given its service, and the block
    begins when that login has ended, for which it waits `turn_seconds`. An authorization response is taken from the
    programs of the users `friends` only, where the system shows whose they are; None takes it from all. With
    `ends_at`, the login ends at that URL, elsewhere, and this server only has the start page.
    """

    def __init__(
        self,
        path: str,
        *,
        host: str,
        port: int,
        on_ignored: Callable[[str], None],
        on_turn: Callable[[str], None] = lambda _: None,
        turn_seconds: float = 0.0,
        friends: Container[int] | None = None,
        service: str = "NAME",
        ends_at: str = "",
    ) -> None:
        super().__init__(redirect_uri=ends_at)
        self.path = path
        self.listens = not ends_at
        self.service = service
        self.start: StartPage | None = None
        self._host = host
        self._port = port
        self._on_ignored = on_ignored
        self._on_turn = on_turn
        self._turn_seconds = turn_seconds
        self._friends = friends
        self._ignored: set[str] = set()
        self._servers: list[_Server] = []

    def __enter__(self) -> Self:
        self._servers = self._bound()
        self.redirect_uri = self.redirect_uri or f"http://{self._host}:{self._servers[0].server_address[1]}{self.path}"
        for server in self._servers:
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            time.sleep(self._linger)
        for server in self._servers:
            server.end()

    def _bound(self) -> list[_Server]:
        """Bind the port, after the logins that have it now."""
        end, awaited, misses = time.monotonic() + self._turn_seconds, "", 0
        while True:
            try:
                return self._bind()
            except PortInUse as error:
                other = login_at(self._port) if self._turn_seconds else None
                # A login that has just ended answers no more.
                misses = 0 if other else misses + 1
                if misses == MOST_MISSES or not self._turn_seconds:
                    raise
                if time.monotonic() >= end:
                    raise _too_long(other or awaited, self._turn_seconds) from error
            if other and other != awaited:
                self._on_turn(other)
            awaited = other or awaited
            time.sleep(TURN_SECONDS)

    def _bind(self) -> list[_Server]:
        another = self._port + 1 if DEFAULT_PORT <= self._port < LAST_PORT else DEFAULT_PORT
        another_port = "" if is_url(self.service) else f"everyauth service set {self.service} --port {another}"
        return bind(lambda address: _Server(address, self), self._host, self._port, another_port=another_port)

    def start_page(self, authorization_url: str) -> str:
        """Return the URL of a page that leads one browser to the authorization URL."""
        self.start = StartPage(authorization_url)
        return f"http://127.0.0.1:{self._servers[0].server_address[1]}{self.start.path}"

    def is_strangers(self, connection: socket.socket) -> bool:
        """Whether a request is of another user of this machine, who may have learnt this login's state."""
        if self._friends is None or not is_strangers(connection, self._friends):
            return False
        self.ignored("a request of another user's program, or of one that closed its connection at once")
        return True

    def report_unverified(self, query: Query) -> None:
        """Report an error response without state: it may be genuine, so it is shown, but it does not end the login.

        Of one that another authorization server sent no error is shown (RFC 9207 section 2.4).
        """
        code = ERROR_CODE.fullmatch(dict(query)["error"]) if self._may_show(query) else None
        self.ignored("an error response without state" + (f" ({code[0]})" if code else ""), kind="unverified")

    def ignored(self, about: str, *, kind: str = "stranger") -> None:
        """Tell of an ignored request, once of each kind: a program may send any number."""
        with self._lock:
            is_new = kind not in self._ignored
            self._ignored.add(kind)
        if is_new:
            self._on_ignored(about)


def _too_long(other: str, seconds: float) -> LoginTimedOut:
    return LoginTimedOut(
        f"the login at {other}, which has the port of this one, did not end within {seconds:g} s",
        hint="finish it in its browser, or stop it with Ctrl-C",
    )


class _Handler(LoopbackHandler):
    """Handles one request; its path, its state and its user decide whether it is the response."""

    server: _Server

    def do_GET(self) -> None:
        """Take the authorization response, or show another page."""
        self.server.has_request(self.connection)
        try:
            parts = urlsplit(self.path)
        except ValueError:
            parts = urlsplit("")
        query = parse_qsl(parts.query, keep_blank_values=True)
        login = self.server.login
        if login.start and parts.path == login.start.path:
            self._lead(login, login.start)
        elif self.path == WELL_KNOWN and host(f"http://{self.headers.get('Host')}") in LOOPBACK_HOSTS:
            self._send(200, greeting(login.service), {"content-type": "application/json"})
        elif not login.listens or (parts.path or "/") != (login.path or "/") or not query:
            self._show(404, NOT_FOUND)
        else:
            self._take(login, query)

    def do_HEAD(self) -> None:
        """Answer a program that looks at the start page before it opens it."""
        start = self.server.login.start
        if start and self.path == start.path:
            self._send(200, "")
        else:
            self.send_error(501)

    def do_OPTIONS(self) -> None:
        """Answer the preflight that browsers send before a public page may lead to a local address."""
        self.send_response(204)
        self.send_header("Allow", "GET, OPTIONS")
        if self.headers.get("Access-Control-Request-Private-Network"):
            self.send_header("Access-Control-Allow-Private-Network", "true")
        self.end_headers()

    def _take(self, login: RedirectServer, query: Query) -> None:
        if login.is_response(query) and is_ahead_of_user(self.headers):
            # The code is redeemed once, for a page that its user sees.
            self._show(503, NOT_FOUND)
        elif login.is_response(query) and not login.is_strangers(self.connection):
            login.take(query, from_browser=True)
            try:
                self._send(200, login.result_page())
            finally:
                is_seen = "Sec-Fetch-Mode" in self.headers and not self._has_closed()
                login.page_sent(linger=BROWSER_SECONDS if is_seen else PROGRAM_SECONDS)
        elif "error" in dict(query) and "state" not in dict(query):
            login.report_unverified(query)
            self._show(400, UNVERIFIED)
        else:
            self._show(400, OTHER_LOGIN)

    def _has_closed(self) -> bool:
        """Whether the browser closed the connection before it had its page, as for a reload."""
        self.connection.settimeout(0)
        try:
            return not self.connection.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return False
        except OSError:
            return True

    def _lead(self, login: RedirectServer, start: StartPage) -> None:
        if login.is_strangers(self.connection):
            self._show(404, NOT_FOUND)
        elif is_ahead_of_user(self.headers):
            # No browser keeps such a response; it asks again when its user does.
            self._show(503, NOT_FOUND)
        elif start.opens_for(self.headers):
            self._send(302, "", {"Location": start.url, "Set-Cookie": start.cookie})
        else:
            # The page first: the process may end with the login.
            try:
                self._show(410, OPENED_BEFORE)
            finally:
                login.fail(
                    LoginFailed("the login was stopped: another program opened its start page before your browser")
                )

    def _show(self, status: int, result: Result) -> None:
        self._send(status, result_page(result))

    def _send(self, status: int, page: str, headers: Mapping[str, str] | None = None) -> None:
        body = page.encode()
        self.send_response(status)
        for name, value in {**HEADERS, **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()


class _Server(BoundedServer):
    """The server on one address, for one login."""

    def __init__(self, address: tuple[str, int], login: RedirectServer) -> None:
        self.login = login
        super().__init__(address, _Handler)
