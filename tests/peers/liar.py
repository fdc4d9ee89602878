"""An OpenID provider on loopback that is correct, unless a test makes it lie."""

from __future__ import annotations

import json
import threading
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from joserfc import errors, jwk, jws

from everyauth_cli.everyauth import EveryAuth
from everyauth_cli.flows.freshness import now_ms
from everyauth_cli.flows.granted import Grant
from everyauth_cli.model import Secret
from everyauth_cli.services.catalogue import Catalogue
from everyauth_cli.store.memory import memory_store
from everyauth_cli.transport import send

CLIENT_ID = "the-client"
CLIENT_SECRET = "a-client-secret-of-more-than-32-bytes"
REDIRECT_URI = "http://127.0.0.1:28282/callback/op"
ALGORITHMS = ["RS256", "PS256", "ES256", "EdDSA", "HS256", "HS384", "HS512"]

KEYS = {
    "one": jwk.RSAKey.generate_key(2048, {"kid": "one", "use": "sig"}),
    "two": jwk.RSAKey.generate_key(2048, {"kid": "two", "use": "sig"}),
    "ec": jwk.ECKey.generate_key("P-256", {"kid": "ec", "use": "sig"}),
    "okp": jwk.OKPKey.generate_key("Ed25519", {"kid": "okp", "use": "sig"}),
}


def public(*names: str, **changes: Any) -> list[dict[str, Any]]:
    """Return the public keys with these parameters changed; None removes one."""
    return [_changed(KEYS[name].as_dict(private=False), changes) for name in names]


class Liar(ThreadingHTTPServer):
    """A provider whose attributes change what they name; in `header`, `claims` and `token`, None removes a member.

    `times` are claims in seconds from now. `query` is added to the redirect, and `drop` removed from it. `keys` are
    published; `sign_with` is the key that signs. `requests` counts the requests by path.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.issuer = f"http://127.0.0.1:{self.server_port}"
        self.header: Mapping[str, Any] = {}
        self.claims: Mapping[str, Any] = {}
        self.times: Mapping[str, int] = {}
        self.token: Mapping[str, Any] = {}
        self.query: Sequence[tuple[str, str]] = ()
        self.drop: Sequence[str] = ()
        self.keys: Any = public("one")
        self.keys_status = 200
        self.metadata: Mapping[str, Any] = {}
        self.me: Any = {"sub": "user-1", "email": "ann@example.test"}
        self.me_status = 200
        self.sign_with: Any = KEYS["one"]
        self.tamper = False
        self.requests: dict[str, int] = {}
        self.bearer = ""
        self._request: dict[str, str] = {}

    def authorize(self, query: str) -> str:
        """Allow at once, and return the URL that the browser is redirected to."""
        self._request = dict(parse_qsl(query))
        truth = [("code", "the-code"), ("state", self._request["state"]), ("iss", self.issuer)]
        return (
            f"{self._request['redirect_uri']}?{urlencode([p for p in truth if p[0] not in self.drop] + [*self.query])}"
        )

    def token_response(self) -> dict[str, Any]:
        truth = {
            "access_token": "the-access-token",
            "refresh_token": "the-refresh-token",
            "token_type": "Bearer",
            "expires_in": 3600,
            "scope": self._request.get("scope"),
            "id_token": self.id_token(),
        }
        return _changed(truth, self.token)

    def id_token(self) -> str:
        now = now_ms() // 1000
        truth = {
            "iss": self.issuer,
            "sub": "user-1",
            "aud": CLIENT_ID,
            "exp": now + 600,
            "iat": now,
            "nonce": self._request.get("nonce"),
            "email": "ann@example.test",
        }
        times = {name: now + seconds for name, seconds in self.times.items()}
        claims = json.dumps(_changed(truth, {**times, **self.claims}))
        header = _changed({"alg": "RS256", "kid": "one"}, self.header)
        if header["alg"] == "none":
            return _unsigned(header, claims)
        registry = jws.JWSRegistry(algorithms=ALGORITHMS, strict_check_header=False)
        with warnings.catch_warnings(category=errors.SecurityWarning, action="ignore"):
            signed = jws.serialize_compact(header, claims, self.sign_with, registry=registry)
        return signed[:-8] + "AAAAAAAA" if self.tamper else signed

    def page(self, path: str) -> tuple[int, Any]:
        pages = {
            "/jwks": (self.keys_status, {"keys": self.keys}),
            "/.well-known/openid-configuration": (
                200,
                {"issuer": self.issuer, "jwks_uri": f"{self.issuer}/jwks", **self.metadata},
            ),
            "/token": (200, self.token_response()),
            "/me": (self.me_status, self.me),
        }
        return pages[path]

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing."""


class _Handler(BaseHTTPRequestHandler):
    server: Liar

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        self.server.requests[parts.path] = self.server.requests.get(parts.path, 0) + 1
        if parts.path == "/authorize":
            self.send_response(303)
            self.send_header("location", self.server.authorize(parts.query))
            self.send_header("content-length", "0")
            self.end_headers()
            return
        if parts.path == "/me":
            self.server.bearer = self.headers["authorization"]
        status, value = self.server.page(parts.path)
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.do_GET()

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


class Victim:
    """An EveryAuth with the liar as its service `op`."""

    def __init__(self, liar: Liar, directory: Path) -> None:
        self.liar = liar
        self.directory = directory
        self.warnings: list[str] = []
        self.store = memory_store()
        self.waited = 0
        self.auth = EveryAuth(
            store=self.store,
            catalogue=Catalogue(directory),
            send=send,
            warn=self.warnings.append,
            clock=lambda: now_ms() + self.waited,
        )
        self.entry()
        self.auth.clients.set(self.auth.catalogue.get("op"), client_id=CLIENT_ID, client_secret=Secret(CLIENT_SECRET))

    def entry(self, **keys: object) -> None:
        """Write the catalogue entry again, with these keys added; None removes one."""
        entry = {
            "authorization_endpoint": f"{self.liar.issuer}/authorize",
            "token_endpoint": f"{self.liar.issuer}/token",
            "issuer": self.liar.issuer,
            "jwks_uri": f"{self.liar.issuer}/jwks",
            "scopes": ["openid", "email"],
        }
        lines = [f"{key} = {json.dumps(value)}\n" for key, value in _changed(entry, keys).items()]
        (self.directory / "op.toml").write_text("".join(lines))

    def wait(self) -> None:
        """Let two minutes pass, after which a token is no longer new."""
        self.waited += 120_000

    def begin_and_finish(self, **about: Any) -> Grant:
        """Log in until the code is redeemed; the liar plays the browser too."""
        pending = self.auth.begin("op", redirect_uri=REDIRECT_URI, **about)
        came_back = self.liar.authorize(urlsplit(self.auth.authorization_url(pending)).query)
        return self.auth.redeem(pending, parse_qsl(urlsplit(came_back).query, keep_blank_values=True))

    def login(self, **about: Any):
        return self.auth.keep(self.begin_and_finish(**about))

    @property
    def redeemed(self) -> int:
        return self.liar.requests.get("/token", 0)


def _changed(truth: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in {**truth, **changes}.items() if value is not None}


def _unsigned(header: Mapping[str, Any], claims: str) -> str:
    from base64 import urlsafe_b64encode

    parts = (urlsafe_b64encode(text.encode()).rstrip(b"=").decode() for text in (json.dumps(header), claims))
    return ".".join([*parts, ""])


@contextmanager
def lying(directory: Path) -> Iterator[Victim]:
    with Liar() as liar:
        thread = threading.Thread(target=liar.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield Victim(liar, directory)
        finally:
            liar.shutdown()
            thread.join()
