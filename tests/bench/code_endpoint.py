"""A token endpoint that takes next to no time, in its own process: it checks PKCE and returns new tokens."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import multiprocessing
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from urllib.parse import parse_qs, parse_qsl, urlsplit

OK, BAD = b"HTTP/1.1 200 OK", b"HTTP/1.1 400 Bad Request"


def authorized(authorization_url: str) -> str:
    """Return the authorization response's query; the code holds the challenge, so the endpoint stores nothing."""
    query = dict(parse_qsl(urlsplit(authorization_url).query))
    assert query["code_challenge_method"] == "S256"
    return f"code={secrets.token_hex(4)}.{query['code_challenge']}&state={query['state']}"


def token_response(form: dict[str, list[str]]) -> bytes:
    """Return the response to a token request (RFC 6749 section 5)."""
    digest = hashlib.sha256(form["code_verifier"][0].encode()).digest()
    challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    good = form["grant_type"] == ["authorization_code"] and form["code"][0].endswith("." + challenge)
    tokens = {
        "access_token": secrets.token_urlsafe(32),
        "refresh_token": secrets.token_urlsafe(32),
        "token_type": "Bearer",
        "expires_in": 3600,
        "scope": "read write",
    }
    body = json.dumps(tokens if good else {"error": "invalid_grant"}).encode()
    head = b"%b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % (OK if good else BAD, len(body))
    return head + body


class Endpoint(asyncio.Protocol):
    """As much of HTTP/1.1 as two clients of one library need; connections stay open if the client keeps them."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport, self.received = transport, b""

    def data_received(self, data: bytes) -> None:
        self.received += data
        head, end, body = self.received.partition(b"\r\n\r\n")
        length = next((int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")), 0)
        if end and len(body) >= length:
            self.received = b""
            self.transport.write(token_response(parse_qs(body.decode())))


async def serve(port: Connection) -> None:
    server = await asyncio.get_running_loop().create_server(Endpoint, "127.0.0.1", 0)
    port.send(server.sockets[0].getsockname()[1])
    await server.serve_forever()


def run(port: Connection) -> None:
    asyncio.run(serve(port))


@contextmanager
def running() -> Iterator[str]:
    """Run the service, and give its URL."""
    ours, its = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=run, args=[its], daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{ours.recv()}"
    finally:
        process.terminate()
        process.join()
