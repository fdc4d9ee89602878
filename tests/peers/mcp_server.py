"""An MCP server and its authorization server in one, over HTTP on loopback, for the installed command."""

from __future__ import annotations

import json
import shlex
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeVar
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

Server = TypeVar("Server", bound="McpServer")

FOLLOW = "import sys, urllib.request; urllib.request.urlopen(sys.argv[1]).read()"
BROWSER = f"{shlex.join([sys.executable, '-c', FOLLOW])} %s &"
"""A browser that follows redirects: this server asks nobody."""


class McpServer(ThreadingHTTPServer):
    """Registers clients and grants every request; `lifetime` is that of its access tokens in seconds.

    `counts` are the requests by path, `forms` the token requests, `revoked` the tokens that were revoked. A client in
    `unknown` is refused everywhere, one in `rejected` at the token endpoint alone.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.base = f"http://127.0.0.1:{self.server_port}"
        self.url = f"{self.base}/mcp"
        self.lifetime = 3600
        self.scope = "read"
        self.metadata: dict[str, Any] = {"code_challenge_methods_supported": ["S256"]}
        self.resource: dict[str, Any] = {}
        self.counts: dict[str, int] = {}
        self.forms: list[dict[str, str]] = []
        self.requested: list[dict[str, str]] = []
        self.revoked: list[str] = []
        self.rejected: set[str] = set()
        self.unknown: set[str] = set()
        self.lock = threading.Lock()

    def respond(self, method: str, path: str, query: str, body: bytes) -> tuple[int, Any, dict[str, str]]:  # noqa: PLR0911
        """Return the status, the fields and the headers of a response."""
        with self.lock:
            self.counts[path] = number = self.counts.get(path, 0) + 1
        if path == "/.well-known/oauth-protected-resource/mcp":
            return 200, {"resource": self.url, "authorization_servers": [self.base], **self.resource}, {}
        if path == "/.well-known/oauth-authorization-server":
            names = {
                "authorization_endpoint": "authorize",
                "token_endpoint": "token",
                "registration_endpoint": "register",
            }
            endpoints = {key: f"{self.base}/{name}" for key, name in {**names, "revocation_endpoint": "revoke"}.items()}
            return 200, {"issuer": self.base, **endpoints, **self.metadata}, {}
        if path == "/register" and method == "POST":
            return 201, {**json.loads(body), "client_id": f"client-{number}"}, {}
        if path == "/authorize":
            return self._authorized({name: value[0] for name, value in parse_qs(query).items()}, number)
        if path == "/token":
            return self._token(dict(parse_qsl(body.decode())), number)
        if path == "/revoke":
            self.revoked += [value for name, value in parse_qsl(body.decode()) if name == "token"]
            return 200, {}, {}
        return 401, {}, {"WWW-Authenticate": f'Bearer scope="{self.scope}"'} if path == "/mcp" else {}

    def _authorized(self, query: dict[str, str], number: int) -> tuple[int, Any, dict[str, str]]:
        self.requested.append(query)
        if query.get("client_id", "") in self.unknown or "state" not in query:
            return 400, {"error": "invalid_client"}, {}
        back = urlencode({"code": f"code-{number}", "state": query["state"]})
        return 302, {}, {"Location": f"{query['redirect_uri']}?{back}"}

    def _token(self, form: dict[str, str], number: int) -> tuple[int, Any, dict[str, str]]:
        self.forms.append(form)
        if form.get("client_id") in {None, *self.unknown, *self.rejected}:
            return 401, {"error": "invalid_client"}, {}
        fields = {"access_token": f"access-{number}", "refresh_token": f"refresh-{number}", "token_type": "Bearer"}
        return 200, {**fields, "expires_in": self.lifetime}, {}


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        assert isinstance(self.server, McpServer)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts = urlsplit(self.path)
        status, fields, headers = self.server.respond(self.command, parts.path, parts.query, body)
        content = json.dumps(fields).encode()
        self.send_response(status)
        for name, value in {**headers, "Content-Type": "application/json", "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST

    def log_message(self, *_: Any) -> None:
        """Print nothing."""


@contextmanager
def mcp_server(kind: type[Server] = McpServer) -> Iterator[Server]:
    """Run a server of that kind."""
    with kind() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
