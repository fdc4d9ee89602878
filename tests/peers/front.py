"""A server in front of a token endpoint, which forwards requests, delays them, or lies."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple
from urllib.error import HTTPError
from urllib.parse import parse_qsl
from urllib.request import ProxyHandler, Request, build_opener

SECONDS = 60.0


class Response(NamedTuple):
    status: int
    content_type: str
    body: bytes


def html(status: int = 200) -> Response:
    return Response(status, "text/html; charset=utf-8", b"<!doctype html><h1>We will be back soon</h1>")


def json_error(error: str, *, status: int = 200) -> Response:
    return Response(status, "application/json", b'{"error": "%s", "error_description": "so it is"}' % error.encode())


class Gate:
    """Holds a request back: `reached` is set when one arrives, `open` lets it pass."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.open = threading.Event()

    def __call__(self) -> None:
        self.reached.set()
        assert self.open.wait(SECONDS)


class Front(ThreadingHTTPServer):
    """Responds with `lie` instead of the endpoint; `before` and `after` are called around a forwarded request."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, target: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.target = target
        self.lie: Response | None = None
        self.before: Callable[[], None] = lambda: None
        self.after: Callable[[], None] = lambda: None
        self.requests: list[dict[str, str]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/token"

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: a client that was killed does not read its response."""


class _Handler(BaseHTTPRequestHandler):
    server: Front

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.requests.append(dict(parse_qsl(body.decode())))
        response = self.server.lie or self._forward(body)
        self.send_response(response.status)
        self.send_header("content-type", response.content_type)
        self.send_header("content-length", str(len(response.body)))
        self.end_headers()
        self.wfile.write(response.body)

    def _forward(self, body: bytes) -> Response:
        self.server.before()
        kept = {name: self.headers[name] for name in ("content-type", "authorization") if name in self.headers}
        request = Request(self.server.target, data=body, headers=kept)
        try:
            opened = build_opener(ProxyHandler({})).open(request, timeout=SECONDS)
        except HTTPError as error:
            opened = error
        with opened:
            response = Response(opened.status, opened.headers["content-type"], opened.read())
        self.server.after()
        return response

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


@contextmanager
def front(target: str) -> Iterator[Front]:
    with Front(target) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
