"""The authorization server of `token_server` over HTTP, for the command and for programs that use the library."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from peers.front import Gate
from peers.home import Home
from peers.token_server import AuthorizationServer

from everyauth_cli.model import Request

if TYPE_CHECKING:
    from conftest import Command, Finished

SECONDS = 60.0
ASK = "print(EveryAuth.from_env().get_identity('op').access_token)\n"


class _Endpoint(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, issuer: AuthorizationServer) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.issuer = issuer

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: a client that was killed does not read its response."""


class _Handler(BaseHTTPRequestHandler):
    server: _Endpoint

    def do_POST(self) -> None:
        form = dict(parse_qsl(self.rfile.read(int(self.headers["content-length"])).decode()))
        response = self.server.issuer(Request(url="", fields=form))
        self.send_response(response.status)
        self.send_header("content-type", response.content_type)
        body = response.body.reveal()
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


class Stale:
    """A home in which the access token of "me" at `op` has expired, over an endpoint that rotates refresh tokens."""

    def __init__(self, command: Command, url: str, issuer: AuthorizationServer) -> None:
        self.command, self.home, self.issuer = command, Home(command), issuer
        self.home.server = issuer
        self.home.entry(token_endpoint=url)
        issuer.lifetime = 1
        self.home.log_in(hours_ago=1)
        issuer.lifetime = 3600

    def hold(self) -> Gate:
        """Let the endpoint spend a refresh token, and hold its response back."""
        gate = Gate()
        self.issuer.meanwhile = gate
        return gate

    @property
    def refreshes(self) -> int:
        return self.issuer.refreshes

    def start(self) -> subprocess.Popen[str]:
        return self.command.start("token", "op")

    def program(self, text: str = ASK, *arguments: str, before: str = "") -> subprocess.Popen[str]:
        """Start a Python program that uses the library; `before` is run before the library is imported."""
        process = subprocess.Popen(
            [sys.executable, "-c", f"{before}\nimport sys\nfrom everyauth_cli import EveryAuth\n{text}", *arguments],
            cwd=self.command.directory,
            env=self.command.environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )
        self.command.started.append(process)
        return process

    def token(self) -> Finished:
        return self.command("token", "op")

    def gives_a_token(self) -> str:
        done = self.token()
        assert done.code == 0, done
        return done.out.strip()

    def identity(self) -> dict[str, object]:
        listed: dict[str, object] = json.loads(self.home.good("everyauth identity ls -o json"))["items"][0]
        return listed


@contextmanager
def stale_identity(command: Command) -> Iterator[Stale]:
    issuer = AuthorizationServer()
    with _Endpoint(issuer) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield Stale(command, f"http://127.0.0.1:{server.server_port}/token", issuer)
        finally:
            server.shutdown()
            thread.join()
