"""The fixture `callback`: a redirect URI on loopback that remembers how it was called."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

LAST_PAGE = "you may close this page"


class Callback(HTTPServer):
    """A redirect URI that remembers the query it was called with."""

    def __init__(self, name: str) -> None:
        super().__init__(("127.0.0.1", 0), Listener)
        self.uri = f"http://127.0.0.1:{self.server_port}/callback/{name}"
        self.query: dict[str, str] = {}


class Listener(BaseHTTPRequestHandler):
    server: Callback
    timeout = 30  # a browser may connect ahead of a request that never comes

    def do_GET(self) -> None:
        self.server.query = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
        self.send_response(200)
        self.end_headers()
        self.wfile.write(LAST_PAGE.encode())

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


@contextmanager
def listening(name: str) -> Iterator[Callback]:
    """Serve the redirect URI /callback/`name` until the block ends."""
    with Callback(name) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def callback() -> Iterator[Callback]:
    with listening("op") as server:
        yield server
