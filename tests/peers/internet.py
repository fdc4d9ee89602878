"""Servers by their URLs, called as a function: an MCP server, its metadata, and an authorization server behind them."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

from peers.token_server import REVOCATION_ENDPOINT, AuthorizationServer, World, json_response

from everyauth_cli.model import Request, Response, Secret
from everyauth_cli.urls import slug

URL = "https://mcp.example/mcp"
ISSUER = "https://auth.example"
OTHER, SECOND = "https://mcp.example/other", "https://second.example"
PRM = "https://mcp.example/.well-known/oauth-protected-resource/mcp"
OTHER_PRM = "https://mcp.example/.well-known/oauth-protected-resource/other"
ROOT_PRM = "https://mcp.example/.well-known/oauth-protected-resource"
AS = f"{ISSUER}/.well-known/oauth-authorization-server"
REGISTER = f"{ISSUER}/register"
TOKEN, REVOKE = f"{ISSUER}/token", f"{ISSUER}/revoke"
RESOURCE_METADATA = {"resource": URL, "authorization_servers": [ISSUER]}
METADATA = {
    "issuer": ISSUER,
    "authorization_endpoint": f"{ISSUER}/authorize",
    "token_endpoint": TOKEN,
    "registration_endpoint": REGISTER,
    "revocation_endpoint": REVOKE,
    "code_challenge_methods_supported": ["S256"],
}
REDIRECT = f"http://127.0.0.1:28282/callback/{slug(ISSUER)}"
NOT_FOUND = Response(status=404, content_type="text/plain", body=Secret(b"no"))


def challenged(*lines: str) -> Response:
    """Return a 401 with these WWW-Authenticate lines."""
    return Response(status=401, content_type="text/plain", body=Secret(b""), challenges=lines)


class Internet:
    """Answers each request with the response in `pages` for its URL, in `posts` first for a POST; else with 404.

    Registrations get ids of their own, `c1` and so on, with what `assigned` adds, unless `refuses` returns a response
    to their document. The token endpoint is an `AuthorizationServer`. A client in `forgotten` gets 400 at the
    authorization endpoint, and 401 for a token.
    """

    def __init__(self) -> None:
        self.pages: dict[str, Any] = {
            PRM: json_response(RESOURCE_METADATA),
            AS: json_response(METADATA),
        }
        self.posts: dict[str, Any] = {URL: challenged(f'Bearer resource_metadata="{PRM}"')}
        self.assigned: dict[str, Any] = {"token_endpoint_auth_method": "none"}
        self.refuses: Callable[[dict[str, Any]], Response | None] = lambda _: None
        self.forgotten: set[str] = set()
        self.registered: list[dict[str, Any]] = []
        self.requests: list[Request] = []
        self.tokens = AuthorizationServer()
        self.tokens.extra = {"id_token": None}
        self._lock = threading.Lock()

    @property
    def urls(self) -> list[str]:
        """Return the URLs of the requests, in order."""
        return [request.url for request in self.requests]

    def __call__(self, request: Request) -> Response:
        self.requests.append(request)
        posted = self.posts.get(request.url) if request.method == "POST" else None
        found = posted or (self.pages.get(request.url) if request.method == "GET" else None)
        if found is None and request.url == REGISTER:
            return self._register(request)
        if request.url == TOKEN and request.fields.get("client_id") in self.forgotten:
            return json_response({"error": "invalid_client"}, status=401)
        if found is None and request.url in (TOKEN, REVOKE):
            return self.tokens(replace(request, url=REVOCATION_ENDPOINT) if request.url == REVOKE else request)
        if found is None and request.url.startswith(f"{ISSUER}/authorize?"):
            query = dict(parse_qsl(urlsplit(request.url).query))
            return Response(
                status=400 if query["client_id"] in self.forgotten else 302, content_type="", body=Secret(b"")
            )
        if isinstance(found, Exception):
            raise found
        return found or NOT_FOUND

    def _register(self, request: Request) -> Response:
        with self._lock:
            document = json.loads(json.dumps(request.document))
            self.registered.append(document)
            if refused := self.refuses(document):
                return refused
            created = {**document, "client_id": f"c{len(self.registered)}", **self.assigned}
        return json_response(created, status=201)


def logged_in(world: World, url: str = URL, *, user: str = "me", **how: Any) -> Any:
    """Log in at a URL, as `everyauth login URL` does, and return the identity."""
    service = world.auth.discover(url, user=user, **how)
    assert service is not None
    client = world.auth.clients.get(service)
    pending = world.auth.begin(service.name, redirect_uri=client.redirect_uri or "", user=user, scope=how.get("scope"))
    query = [("code", "code-alice"), ("state", pending.state.reveal())]
    return world.auth.keep(world.auth.redeem(pending, query))


def world_over(net: Internet, path: Path, **entries: str) -> World:
    """Return a world whose requests go there, with these entries of the user's own."""
    world = World(path)
    for name, entry in entries.items():
        world.entry(name, entry)
    world.server = net
    world.auth = world.another(world.store)
    return world


def token(world: World, url: str = URL, **how: Any) -> str | None:
    """Return the current token of a login at a URL."""
    credential = world.auth.get_identity(url, **how)
    return credential.access_token if credential else None


def authorization(world: World, url: str = URL, **how: Any) -> dict[str, str]:
    """Return the parameters of the authorization request for a URL."""
    service = world.auth.discover(url, **how)
    assert service is not None
    pending = world.auth.begin(service.name, redirect_uri=REDIRECT, scope=how.get("scope"))
    return {name: value[0] for name, value in parse_qs(urlsplit(world.auth.authorization_url(pending)).query).items()}


def token_requests(net: Internet) -> list[Request]:
    """Return the requests to the token endpoint."""
    return [request for request in net.requests if request.url == TOKEN]
