"""A stand-in for the host of a service's API: checks bearer tokens, responds with JSON, and records requests."""

from __future__ import annotations

import contextlib
import ipaddress
import json
import ssl
import threading
from collections.abc import Container, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


@dataclass(frozen=True)
class Call:
    """A request as it arrived."""

    method: str
    path: str
    token: str | None
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Api:
    """An API that gives `accepted` tokens the `pages` by path, or a redirect from `redirects`, and any other a 401.

    A page that depends on the token is a function of the call.
    """

    url: str
    pages: dict[str, object] = field(default_factory=dict)
    redirects: dict[str, str] = field(default_factory=dict)
    accepted: Container[str | None] = field(default_factory=set)
    calls: list[Call] = field(default_factory=list)

    def respond(self, call: Call) -> tuple[int, object, dict[str, str]]:
        self.calls.append(call)
        if call.path in self.redirects:
            return 307, {}, {"Location": self.redirects[call.path]}
        if call.token not in self.accepted:
            return 401, {"error": "unauthorized"}, {"WWW-Authenticate": "Bearer"}
        page = self.pages.get(call.path, {"path": call.path, "body": call.body.decode()})
        return 200, page(call) if callable(page) else page, {}

    @property
    def tokens(self) -> list[str | None]:
        return [call.token for call in self.calls]


@contextmanager
def serving(*, tls: ssl.SSLContext | None = None) -> Iterator[Api]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def handle(self) -> None:
            with contextlib.suppress(ConnectionResetError):  # a client may close its connection without notice
                super().handle()

        def do_GET(self) -> None:
            scheme, _, token = self.headers.get("authorization", "").partition(" ")
            call = Call(
                self.command,
                urlsplit(self.path).path,
                token if scheme.lower() in ("bearer", "token") else None,
                self._body(),
                dict(self.headers.items()),
            )
            status, page, headers = api.respond(call)
            body = json.dumps(page).encode()
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", "Content-Length": len(body), **headers}.items():
                self.send_header(name, str(value))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET

        def _body(self) -> bytes:
            if self.headers.get("transfer-encoding") != "chunked":
                return self.rfile.read(int(self.headers.get("content-length", 0)))
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return body

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        request_queue_size = 64

    with Server(("127.0.0.1", 0), Handler) as server:
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        api = Api(f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.02))
        thread.start()
        try:
            yield api
        finally:
            server.shutdown()
            thread.join()


def certificate(directory: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Make a certificate for 127.0.0.1; returns the server's context, and that of a client that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (directory / "tls.pem").write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    ours = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ours.load_cert_chain(directory / "tls.pem")
    return ours, ssl.create_default_context(cadata=made.public_bytes(serialization.Encoding.PEM).decode())
