"""The HTTP server of the sandbox, on the loopback interface."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from email.message import Message
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from everyauth_cli.errors import PortInUse
from everyauth_cli.loopback.server import LoopbackHandler, LoopbackServer
from everyauth_cli.sandbox.detection import HOST
from everyauth_cli.sandbox.endpoints import Route
from everyauth_cli.sandbox.requests import ReceivedRequest
from everyauth_cli.sandbox.sent_response import SentResponse
from everyauth_cli.sanitize import printable

MAX_BODY_BYTES = 64 * 1024
MAX_DISCARDED_BYTES = 1024 * 1024
IDLE_SECONDS = 30
NO_CONTENT = 204

Log = Callable[[str], None]


def listen(port: int, *, respond: Route, log: Log) -> LoopbackServer:
    """Bind a port, 0 for a free one; raises `PortInUse`."""
    try:
        return LoopbackServer((HOST, port), partial(_Handler, respond=respond, log=log))
    except OSError as error:
        message = f"port {port} cannot be used for the sandbox: {error.strerror}"
        raise PortInUse(message, hint="choose another port with --port, or 0 for a free one") from error


class _Handler(LoopbackHandler):
    protocol_version = "HTTP/1.1"
    server_version = "sandbox"
    # Clients keep a connection for their further requests.
    timeout = IDLE_SECONDS

    def __init__(self, *connection: Any, respond: Route, log: Log) -> None:  # noqa: ANN401 - as in the base class
        self._respond_to = respond
        self._log = log
        self._response: SentResponse | None = None
        super().__init__(*connection)

    def do_GET(self) -> None:
        # An unread body would be taken for the next request.
        self.close_connection |= "content-length" in self.headers or "transfer-encoding" in self.headers
        self._respond(b"")

    def do_DELETE(self) -> None:
        self.do_POST()

    def do_POST(self) -> None:
        length = _length(self.headers)
        if length is None:
            self._refuse(411)
            return
        body = self.rfile.read(min(length, MAX_DISCARDED_BYTES))
        if length > MAX_BODY_BYTES:
            # Closing with unread bytes would reset the connection before the client reads the response.
            self._refuse(413)
        elif len(body) < length:
            self.close_connection = True
        else:
            self._respond(body)

    def _respond(self, body: bytes) -> None:
        # A page of another site whose name resolves to this machine must not read responses (DNS rebinding).
        port = self.connection.getsockname()[1]
        if self.headers.get("host") not in {f"{HOST}:{port}", f"localhost:{port}"}:
            self._refuse(421)
            return
        try:
            parts = urlsplit(self.path)
        except ValueError:
            self._refuse(400)
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = ReceivedRequest(method=self.command, path=parts.path, query=parts.query, headers=headers, body=body)
        response = self._respond_to(request)
        if response.hang_up:
            self._hang_up(response)
        else:
            self._send(response)

    def _hang_up(self, response: SentResponse) -> None:
        self._response, self.close_connection = response, True
        self.log_request("hung up")

    def _refuse(self, status: int) -> None:
        self.close_connection = True
        self._send(SentResponse(status=status, headers={}))

    def _send(self, response: SentResponse) -> None:
        self._response = response
        self.send_response(response.status)
        for name, value in _framed(response, close=self.close_connection).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(response.body)
        self._response = None

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:  # noqa: ARG002 - as in the base class
        # Without the query, which holds codes and states, and without the path's end, where some services have a token.
        path = printable("/".join(self.path.partition("?")[0].split("/")[:3]), 80) if self.command else ""
        response = self._response
        grant_type, detail = (response.grant_type, response.detail) if response else ("", "")
        self._log(" ".join(filter(None, [self.command, path, grant_type, "->", f"{code}", detail])))


def _length(headers: Message) -> int | None:
    text = headers.get("content-length", "")
    if "transfer-encoding" in headers or not re.fullmatch("[0-9]{1,15}", text):
        return None
    return int(text)


def _framed(response: SentResponse, *, close: bool) -> Mapping[str, str]:
    # RFC 9110 section 8.6: none with 204.
    length = {} if response.status == NO_CONTENT else {"content-length": str(len(response.body))}
    return {**response.headers, **length, **({"connection": "close"} if close else {})}
