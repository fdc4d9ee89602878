"""A server on loopback that records each request byte for byte, and sends the prepared replies."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from everyauth_cli.model import Request, Response
from everyauth_cli.transport import send


@dataclass
class Recorded:
    """A request as it arrived; `url` is its original target, or its path where it was meant for here."""

    method: str
    url: str
    headers: dict[str, str]
    body: str


@dataclass
class Reply:
    status: int
    content_type: str
    body: bytes


@dataclass
class Recorder:
    """Stands in for the hosts of a service: `send` is the real one, redirected here; replies are sent in order."""

    port: int
    requests: list[Recorded] = field(default_factory=list)
    replies: list[Reply] = field(default_factory=list)
    meant: str = ""

    def send(self, request: Request) -> Response:
        parts = urlsplit(request.url)
        self.meant = request.url + request.rest.reveal()
        here = parts._replace(scheme="http", netloc=f"127.0.0.1:{self.port}").geturl()
        return send(replace(request, url=here))

    def reply(self, body: bytes, *, status: int = 200, content_type: str = "application/json") -> None:
        self.replies.append(Reply(status, content_type, body))


@contextmanager
def recording() -> Iterator[Recorder]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0))).decode()
            headers = {name.lower(): value for name, value in self.headers.items()}
            recorder.requests.append(Recorded(self.command, recorder.meant or self.path, headers, body))
            reply = recorder.replies.pop(0) if recorder.replies else Reply(404, "", b"")
            self.send_response(reply.status)
            self.send_header("content-type", reply.content_type)
            self.send_header("content-length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body)

        do_POST = do_DELETE = do_GET

        def log_message(self, *arguments: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        recorder = Recorder(server.server_port)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield recorder
        finally:
            server.shutdown()
            thread.join()
