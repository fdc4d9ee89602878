"""The redirect server (RFC 8252 section 7.3): takes one authorization response, ignores all other requests."""

from __future__ import annotations

import errno
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Self
from urllib.parse import parse_qsl, urlsplit

from everyauth_cli.errors import PortInUse
from everyauth_cli.loopback_server import LoopbackHandler, LoopbackServer
from everyauth_cli.pages.document import HEADERS
from everyauth_cli.pages.result import Result, result_page
from everyauth_cli.redirect.waiter import Query, RedirectWaiter
from everyauth_cli.sanitize import printable

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

    Every other request gets an error page, and the wait goes on. `on_unverified` is given the text of an error
    response without state; `service` names the service in hints.
    """

    listens: ClassVar[bool] = True

    def __init__(
        self, path: str, *, host: str, port: int, on_unverified: Callable[[str], None], service: str = "NAME"
    ) -> None:
        super().__init__(redirect_uri="")
        self._another_port = f"everyauth service set {service} --port N"
        self.path = path
        self._host = host
        self._port = port
        self._on_unverified = on_unverified
        self._servers: list[_Server] = []

    def __enter__(self) -> Self:
        self._servers = _bind(self, self._host, self._port, another_port=self._another_port)
        self.redirect_uri = f"http://{self._host}:{self._servers[0].server_address[1]}{self.path}"
        for server in self._servers:
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for server in self._servers:
            server.shutdown()
            server.server_close()

    def report_unverified(self, query: Query) -> None:
        """Report an error response without state: it may be genuine, so it is shown, but it does not end the login."""
        fields = dict(query)
        texts = [printable(fields[name]) for name in ("error", "error_description") if fields.get(name)]
        self._on_unverified(": ".join(texts))


class _Handler(LoopbackHandler):
    """Handles one request; only its path and its state decide whether it is the response."""

    server: _Server

    def do_GET(self) -> None:
        """Take the authorization response, or show an error page."""
        try:
            parts = urlsplit(self.path)
        except ValueError:
            parts = urlsplit("")
        query = parse_qsl(parts.query, keep_blank_values=True)
        login = self.server.login
        if (parts.path or "/") != (login.path or "/") or not query:
            self._show(404, NOT_FOUND)
        elif login.take(query, from_browser=True):
            try:
                self._send(200, login.result_page())
            finally:
                login.page_sent()
        elif "error" in dict(query) and "state" not in dict(query):
            login.report_unverified(query)
            self._show(400, UNVERIFIED)
        else:
            self._show(400, OTHER_LOGIN)

    def do_OPTIONS(self) -> None:
        """Answer the preflight that browsers send before a public page may lead to a local address."""
        self.send_response(204)
        self.send_header("Allow", "GET, OPTIONS")
        if self.headers.get("Access-Control-Request-Private-Network"):
            self.send_header("Access-Control-Allow-Private-Network", "true")
        self.end_headers()

    def _show(self, status: int, result: Result) -> None:
        self._send(status, result_page(result))

    def _send(self, status: int, page: str) -> None:
        body = page.encode()
        self.send_response(status)
        for name, value in HEADERS.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()


class _Server(LoopbackServer):
    def __init__(self, address: tuple[str, int], login: RedirectServer) -> None:
        self.login = login
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        super().__init__(address, _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - as in the base class
        """Print nothing: an error's text may quote the request, which any program here may have sent."""


def _bind(login: RedirectServer, host: str, port: int, *, another_port: str) -> list[_Server]:
    """Return a server on 127.0.0.1, and for the host `localhost` one more on ::1 if the machine has IPv6.

    Raises `PortInUse`.
    """
    try:
        servers = [_Server(("127.0.0.1", port), login)]
    except OSError as error:
        raise PortInUse(
            f"port {port} of the redirect URI cannot be used ({error.strerror}){_owner(port)}",
            hint=f"another login may be waiting: finish it, or use another port: {another_port}",
        ) from None
    if host == "localhost":
        try:
            servers.append(_Server(("::1", servers[0].server_address[1]), login))
        except OSError as error:
            # Without IPv6 no browser connects there; another program that listens there would be sent the code.
            if error.errno != errno.EADDRINUSE:
                return servers
            servers[0].server_close()
            raise PortInUse(
                f"port {servers[0].server_address[1]} of the redirect URI is taken by another process on ::1",
                hint=f"end that process, or use another port: {another_port}",
            ) from None
    return servers


def _owner(port: int) -> str:
    """Describe the process that listens on a port, as far as /proc shows."""
    try:
        inode = _listening_inode(port)
        for descriptor in Path("/proc").glob("[0-9]*/fd/*") if inode else ():
            if _link(descriptor) == f"socket:[{inode}]":
                process = descriptor.parent.parent
                return f"; process {process.name} ({(process / 'comm').read_text().strip()}) listens on it"
    except OSError:
        pass
    return ""


def _listening_inode(port: int) -> str | None:
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[3] == "0A" and int(fields[1].rpartition(":")[2], 16) == port:
            return fields[9]
    return None


def _link(path: Path) -> str:
    try:
        return str(path.readlink())
    except OSError:
        return ""
