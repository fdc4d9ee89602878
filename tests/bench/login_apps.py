"""Two apps with the same logins: one with everyauth, one written by hand with Authlib's Starlette client."""

from __future__ import annotations

import base64
import json
import os
import sqlite3
import ssl
import threading
from collections.abc import Callable
from pathlib import Path

import psycopg
from authlib.integrations.starlette_client import OAuth
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from everyauth_cli.everyauth import EveryAuth
from everyauth_cli.model import Secret
from everyauth_cli.settings import read_settings
from everyauth_cli.web.starlette import authorize

NAME = "example"
BASE_URL = "https://app.example"
PREFIX = "/connect/example"
CLIENT_ID, CLIENT_SECRET, SCOPE = "client-id", "client-secret", "read write"

Save = Callable[[str, bytes], None]
"""Keeps the sealed token of a user."""


def user_of(request: Request) -> str:
    return request.headers["x-user"]


def ours(service_url: str, home: Path, store_url: str) -> Starlette:
    """Make the app with everyauth, configured as an operator does it."""
    environ = {
        "EVERYAUTH_HOME": str(home),
        "EVERYAUTH_STORE": store_url,
        "EVERYAUTH_KEY": base64.urlsafe_b64encode(os.urandom(32)).decode(),
    }
    settings = read_settings(environ)
    settings.services_dir.mkdir(parents=True)
    entry = f'authorization_endpoint = "{service_url}/authorize"\ntoken_endpoint = "{service_url}/token"\npkce = true\n'
    (settings.services_dir / f"{NAME}.toml").write_text(f'title = "Example"\n{entry}', encoding="utf-8")
    auth = EveryAuth.from_settings(settings)
    secret = Secret(CLIENT_SECRET)
    auth.clients.set(auth.catalogue.get(NAME), client_id=CLIENT_ID, client_secret=secret, scope=SCOPE)
    routes = authorize(NAME, finished_url="/done", map_to_user_id=user_of, base_url=BASE_URL, prefix=PREFIX, auth=auth)
    return Starlette(routes=routes)


def by_hand(service_url: str, save: Save | None, tls: ssl.SSLContext | None = None) -> Starlette:
    """Make the app that Authlib's documentation shows; with `save`, the token is sealed and saved.

    Authlib makes an HTTP client at each request, which reads the certificates of all authorities again, unless it is
    given a TLS context that has them.
    """
    oauth = OAuth()
    oauth.register(
        NAME,
        client_id=CLIENT_ID,
        client_secret=CLIENT_SECRET,
        authorize_url=f"{service_url}/authorize",
        access_token_url=f"{service_url}/token",
        client_kwargs={"scope": SCOPE, "code_challenge_method": "S256", **({"verify": tls} if tls else {})},
    )
    client = oauth.create_client(NAME)
    cipher = AESGCM(os.urandom(32))

    def keep(user: str, token: dict[str, object]) -> None:
        nonce = os.urandom(12)
        save(user, nonce + cipher.encrypt(nonce, json.dumps(token).encode(), user.encode()))

    async def start(request: Request) -> Response:
        return await client.authorize_redirect(request, f"{BASE_URL}{PREFIX}/callback")

    async def callback(request: Request) -> Response:
        token = await client.authorize_access_token(request)
        if save:
            await run_in_threadpool(keep, user_of(request), token)
        return RedirectResponse("/done", status_code=303)

    session = Middleware(SessionMiddleware, secret_key="a secret of the app", https_only=True)
    return Starlette(routes=[Route(PREFIX, start), Route(f"{PREFIX}/callback", callback)], middleware=[session])


def in_sqlite(path: Path) -> Save:
    """Save over one connection per thread, kept open, with SQLite's write-ahead log."""
    kept = threading.local()

    def connection() -> sqlite3.Connection:
        if not hasattr(kept, "connection"):
            kept.connection = sqlite3.connect(path, timeout=30, isolation_level=None)
        return kept.connection

    connection().execute("PRAGMA journal_mode = WAL")
    connection().execute("CREATE TABLE tokens (user TEXT PRIMARY KEY, cell BLOB NOT NULL)")
    return lambda user, cell: connection().execute("INSERT OR REPLACE INTO tokens VALUES (?, ?)", (user, cell))


def in_postgres(url: str) -> Save:
    """Save over one connection per thread, kept open."""
    kept = threading.local()
    statement = "INSERT INTO tokens VALUES (%s, %s) ON CONFLICT (username) DO UPDATE SET cell = EXCLUDED.cell"

    def connection() -> psycopg.Connection:
        if not hasattr(kept, "connection"):
            kept.connection = psycopg.connect(url, autocommit=True)
        return kept.connection

    connection().execute("CREATE TABLE tokens (username TEXT PRIMARY KEY, cell BYTEA NOT NULL)")
    return lambda user, cell: connection().execute(statement, (user, cell))
