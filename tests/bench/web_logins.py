"""Measures logins per second of a web app, with everyauth and with Authlib: `python tests/bench/web_logins.py`.

It needs `tests/bench/requirements.txt` besides what the tests need.

A login is a GET of the prefix, an authorization response made without a browser, and a GET of the callback with its
code and cookies, which redeems the code at a token endpoint in another process and stores the token. Both apps are
called in this process, as ASGI, so that no web server is measured.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import ExitStack
from http.cookies import SimpleCookie
from itertools import count
from pathlib import Path
from typing import Any

sys.path[0] = str(Path(__file__).resolve().parents[1])

import httpx
import pytest
from bench.code_endpoint import authorized, running
from bench.login_apps import PREFIX, by_hand, in_postgres, in_sqlite, ours
from peers import postgres

REPEATS = 7
LOGINS = 48
AT_ONCE = (1, 16)
OURS, TUNED, SHOWN, BARE = (
    "everyauth",
    "Authlib, given a TLS context; token sealed and stored",
    "Authlib as documented; token sealed and stored",
    "Authlib as documented; nothing stored",
)
App = Callable[..., Awaitable[None]]
USERS = count()


async def get(app: App, path: str, query: str, headers: dict[str, str]) -> tuple[int, str, str]:
    """Return a response's status, its location, and its cookies as the browser sends them back."""
    sent: list[MutableMapping[str, Any]] = []
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "https",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.encode(), value.encode()) for name, value in {"host": "app.example", **headers}.items()],
        "client": ("127.0.0.1", 1),
        "server": ("app.example", 443),
    }

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    await app(scope, receive, send)
    fields = [(name.decode(), value.decode()) for name, value in sent[0]["headers"]]
    cookies = [morsel for name, value in fields if name == "set-cookie" for morsel in SimpleCookie(value).values()]
    return sent[0]["status"], dict(fields)["location"], "; ".join(f"{each.key}={each.value}" for each in cookies)


async def log_in(app: App) -> None:
    """Log a new user in, in a new browser."""
    who = {"x-user": f"user-{next(USERS)}"}
    _, url, cookie = await get(app, PREFIX, "", who)
    status, where, _ = await get(app, f"{PREFIX}/callback", authorized(url), {**who, "cookie": cookie})
    assert status == 303, (status, where)
    assert "error" not in where, where


async def rate(app: App, at_once: int) -> float:
    """Return the logins per second."""

    async def some() -> None:
        for _ in range(LOGINS // at_once):
            await log_in(app)

    begun = time.perf_counter()
    await asyncio.gather(*(some() for _ in range(at_once)))
    return LOGINS / (time.perf_counter() - begun)


async def measured(apps: dict[str, App], at_once: int) -> dict[str, list[float]]:
    """Return the rates of each repeat; the apps are interleaved, after one warm-up run."""
    rates: dict[str, list[float]] = {name: [] for name in apps}
    for repeat in range(REPEATS + 1):
        for name, app in apps.items():
            found = await rate(app, at_once)
            if repeat:
                rates[name].append(found)
    return rates


def apps_with(service_url: str, directory: Path, database_urls: list[str] | None) -> dict[str, App]:
    """Make one app of each kind, each with its own database in SQLite, or of those given in PostgreSQL."""
    urls = database_urls or [f"sqlite:///{directory / 'everyauth.db'}"]
    saves = [in_postgres(url) for url in urls[1:]] or [in_sqlite(directory / f"{name}.db") for name in "ab"]
    apps: dict[str, App] = {
        OURS: ours(service_url, directory / "home", urls[0]),
        TUNED: by_hand(service_url, saves[0], httpx.create_ssl_context()),
        SHOWN: by_hand(service_url, saves[1]),
    }
    return apps if database_urls else {**apps, BARE: by_hand(service_url, None)}


def main() -> None:
    """Print the median of each app's rates, and of its ratios to ours in each repeat."""
    print("| store | app | " + " | ".join(f"{number} at a time | everyauth / it" for number in AT_ONCE) + " |")
    print("|---|---|" + "--:|--:|" * len(AT_ONCE))
    with ExitStack() as running_servers:
        service_url = running_servers.enter_context(running())
        stores: dict[str, list[str] | None] = {"SQLite": None}
        try:
            server = running_servers.enter_context(postgres.running())
            stores["PostgreSQL"] = [server.new_database() for _ in range(3)]
        except pytest.skip.Exception:
            pass
        for store, urls in stores.items():
            directory = Path(running_servers.enter_context(tempfile.TemporaryDirectory()))
            apps = apps_with(service_url, directory, urls)
            measurements = [asyncio.run(measured(apps, at_once)) for at_once in AT_ONCE]
            for name in apps:
                print(f"| {store} | {name} | " + " | ".join(cells(rates, name) for rates in measurements) + " |")


def cells(rates: dict[str, list[float]], name: str) -> str:
    ratio = statistics.median(ours / its for ours, its in zip(rates[OURS], rates[name], strict=True))
    return f"{statistics.median(rates[name]):.0f}/s | {ratio:.2f}"


if __name__ == "__main__":
    main()
