"""The sandbox on a port of the loopback interface."""

from __future__ import annotations

import re
import socketserver
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass, field
from email.message import Message
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from everyauth_cli.errors import PortInUse
from everyauth_cli.model import DEFAULT_PORT, clean
from everyauth_cli.sandbox.dialect import Dialect
from everyauth_cli.sandbox.endpoints import (
    AUTHORIZE_PATH,
    JWKS_PATH,
    REVOKE_PATH,
    TOKEN_PATH,
    Endpoints,
    Request,
    Response,
    Route,
)
from everyauth_cli.sandbox.grants import AuthorizationServer, Clock
from everyauth_cli.sandbox.records import Lives, Registration

HOST = "127.0.0.1"
LARGEST_BODY = 64 * 1024
MOST_DRAINED = 1024 * 1024
IDLE_SECONDS = 30
POLL_SECONDS = 0.05
CLIENT_SECRET = "sandbox-secret"  # noqa: S105 - known to everyone, and good for nothing but the sandbox
REFRESH_LIFE = 30 * 24 * 60 * 60

Log = Callable[[str], None]


def _now() -> int:
    return time.time_ns() // 1_000_000


def _silent(line: str) -> None:
    """Log nothing."""


@dataclass(eq=False)
class Sandbox:
    """A strict authorization server that speaks one service's dialect.

    A context manager that serves from a thread of its own; or call `serve_forever`. The port is bound at
    once, 0 being a free one; raises `PortInUse`. Lives are in seconds, `clock` gives milliseconds since
    the epoch, and without a `client_secret` the client is a public one.
    """

    dialect: Dialect
    _: KW_ONLY
    port: int = 0
    token_life: int = 3600
    code_life: int = 30
    refresh_life: int = REFRESH_LIFE
    client_id: str = "sandbox-client"
    client_secret: str | None = field(default=CLIENT_SECRET, repr=False)
    redirect_uri: str = ""
    clock: Clock = _now
    log: Log = _silent
    server: AuthorizationServer = field(init=False)

    def __post_init__(self) -> None:
        self.redirect_uri = self.redirect_uri or f"http://{HOST}:{DEFAULT_PORT}/callback/{self.dialect.name}"
        client = Registration(
            client_id=self.client_id,
            client_secret=self.client_secret,
            redirect_uris=(self.redirect_uri,),
        )
        lives = Lives(access_token=self.token_life, code=self.code_life, refresh_token=self.refresh_life)
        self.server = AuthorizationServer(self.dialect, [client], clock=self.clock, lives=lives)
        answer = Endpoints(self.server).answer
        try:
            self._listener = _Listener((HOST, self.port), partial(_Handler, answer=answer, log=self.log))
        except OSError as error:
            message = f"Port {self.port} cannot be used: {error.strerror}"
            raise PortInUse(message, hint="Choose another port, or 0 for a free one.") from error
        self.port = self._listener.server_address[1]
        self._thread: threading.Thread | None = None

    @property
    def base_url(self) -> str:
        return f"http://{HOST}:{self.port}"

    def override(self) -> dict[str, object]:
        """What a user's own catalogue file says of the service, for it to be this sandbox."""
        paths = {"authorize_url": AUTHORIZE_PATH, "token_url": TOKEN_PATH, "jwks_url": JWKS_PATH}
        if self.dialect.revocation:
            paths["revoke_url"] = REVOKE_PATH
        return {key: self.base_url + path for key, path in paths.items()}

    def serve_forever(self) -> None:
        """Serve from this thread until it is interrupted."""
        with self._listener:
            self._listener.serve_forever(POLL_SECONDS)

    def start(self) -> None:
        self._thread = threading.Thread(target=self.serve_forever, name="sandbox", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        if self._thread:
            self._listener.shutdown()
            self._thread.join()
        self._listener.server_close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    # On Windows it would let two processes share the port.
    allow_reuse_address = sys.platform != "win32"

    def server_bind(self) -> None:
        # HTTPServer's own asks the resolver for the host's name, which may take seconds.
        socketserver.TCPServer.server_bind(self)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - as in the base class
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "sandbox"
    sys_version = ""
    timeout = IDLE_SECONDS
    # Headers and body are two writes; the second would wait for the client's delayed acknowledgement.
    disable_nagle_algorithm = True

    def __init__(self, *connection: Any, answer: Route, log: Log) -> None:  # noqa: ANN401 - as in the base class
        self._answer = answer
        self._log = log
        self._response: Response | None = None
        super().__init__(*connection)

    def do_GET(self) -> None:
        # A body that nobody reads would be taken for the next request.
        self.close_connection |= "content-length" in self.headers or "transfer-encoding" in self.headers
        self._respond(b"")

    def do_POST(self) -> None:
        length = _length(self.headers)
        if length is None:
            self._refuse(411)
            return
        body = self.rfile.read(min(length, MOST_DRAINED))
        if length > LARGEST_BODY:
            # What was not read at a close would reset the connection before the answer is seen.
            self._refuse(413)
        elif len(body) < length:
            self.close_connection = True
        else:
            self._respond(body)

    def _respond(self, body: bytes) -> None:
        # A page from elsewhere whose name was made to point here must not read the answers (DNS rebinding).
        port = self.connection.getsockname()[1]
        if self.headers.get("host") not in {f"{HOST}:{port}", f"localhost:{port}"}:
            self._refuse(421)
            return
        parts = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(method=self.command, path=parts.path, query=parts.query, headers=headers, body=body)
        self._send(self._answer(request))

    def _refuse(self, status: int) -> None:
        self.close_connection = True
        self._send(Response(status=status, headers={}))

    def _send(self, response: Response) -> None:
        self._response = response
        self.send_response(response.status)
        for name, value in _framed(response, close=self.close_connection).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(response.body)
        self._response = None

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:  # noqa: ARG002 - as in the base class
        # Never the query: it holds codes and states.
        path = clean(self.path.partition("?")[0], 80) if self.command else ""
        response = self._response
        asked, note = (response.asked, response.note) if response else ("", "")
        self._log(" ".join(filter(None, [self.command, path, asked, "->", str(int(code)), note])))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as in the base class
        """Write nothing to stderr: request lines hold secrets."""


def _length(headers: Message) -> int | None:
    text = headers.get("content-length", "")
    if "transfer-encoding" in headers or not re.fullmatch("[0-9]{1,15}", text):
        return None
    return int(text)


def _framed(response: Response, *, close: bool) -> Mapping[str, str]:
    length = {"content-length": str(len(response.body))}
    return {**response.headers, **length, **({"connection": "close"} if close else {})}
