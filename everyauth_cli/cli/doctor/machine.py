"""Checks of this machine: the store, the browser, trusted certificates, and the proxies to the services."""

from __future__ import annotations

import shlex
import socket
import stat
import sys
import webbrowser
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

from everyauth_cli.cli.doctor.findings import Finding, attention, failure, good
from everyauth_cli.cli.login.browser import choose_browser
from everyauth_cli.cli.login.surroundings import Surroundings
from everyauth_cli.cli.session import Session
from everyauth_cli.errors import ServiceUnreachable, StoreError
from everyauth_cli.settings import Settings, ca_setting
from everyauth_cli.store.from_settings import store_of
from everyauth_cli.store.opening import sqlite_path
from everyauth_cli.store.sqlite.journal import MOUNTS, WRITE_AHEAD, journal_for
from everyauth_cli.transport.certificates import tls_context
from everyauth_cli.transport.proxies import Proxy, used_proxy

CONNECT_SECONDS = 5.0
FOR_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def store(settings: Settings) -> Iterator[Finding]:
    """Try the store: whether it keeps a record, where its secrets are, and its warnings. Raises `StoreError`."""
    warnings: list[str] = []
    opened = store_of(settings, warn=warnings.append)
    problem: StoreError | None = None
    try:
        opened.probe()
    except StoreError as error:
        problem = error
    yield from (attention("store", warning) for warning in warnings)
    if problem:
        raise problem
    yield good("store", f"{opened.url} (from {settings.store_from}): {opened.describe()}")


def files(settings: Settings) -> Iterator[Finding]:
    """Look at the owners and modes of our files, and at the journal of the store's file."""
    if settings.warning:
        yield attention("permissions", settings.warning)
    path = _database(settings)
    open_ones = [each for each in _private(settings, path) if _is_open(each)]
    for each in open_ones:
        yield attention("permissions", f"other users may read {each}", command=f"chmod go-rwx {shlex.quote(str(each))}")
    if not open_ones and not settings.warning:
        yield good("permissions", f"only you can use {settings.data_dir}")
    if path is not None and journal_for(path, MOUNTS) != WRITE_AHEAD:
        yield attention(
            "journal", f"{path} is not on a file system that is known to be local, so it is written more slowly"
        )
    elif path is not None:
        yield good("journal", "write-ahead log, on a local file system")


def browser(surroundings: Surroundings) -> Iterator[Finding]:
    """Find the browser that a login opens, or the reason why none opens."""
    choice = choose_browser(surroundings)
    instead = "a login shows a URL to open on any machine"
    if choice.opener is None:
        yield attention("browser", f"{choice.reason.rstrip('.')}; {instead}")
        return
    try:
        name = choice.opener or webbrowser.get().name
    except webbrowser.Error:
        yield attention("browser", f"no browser is installed; {instead}")
        return
    yield good("browser", f"{choice.browser} ({name})")


def certificates() -> Iterator[Finding]:
    """Load the certificates that TLS trusts. Raises `ServiceUnreachable`."""
    setting = ca_setting()
    tls_context(setting)
    yield good("certificates", f"those of {setting.variable}, {setting.path}" if setting else "the system's")


def proxies(session: Session, urls: Iterable[str]) -> Iterator[Finding]:
    """Connect to each proxy that the environment names for one of these URLs."""
    found: dict[str, Proxy] = {}
    failed: dict[str, Finding] = {}
    for url in urls:
        try:
            proxy = used_proxy(url)
        except ServiceUnreachable as error:
            failed.setdefault(error.message, failure(session, "proxy", error))
        else:
            found |= {proxy.url: proxy} if proxy else {}
    yield from failed.values()
    if not found and not failed:
        yield good("proxy", "none is used")
    for proxy in found.values():
        yield _connected(session, proxy)


def _connected(session: Session, proxy: Proxy) -> Finding:
    parts = urlsplit(proxy.url)
    try:
        socket.create_connection((str(parts.hostname), int(parts.port or 0)), CONNECT_SECONDS).close()
    except OSError as error:
        reason = error.strerror or "no response"
        problem = ServiceUnreachable(
            f"the proxy {proxy.url} of {proxy.variable} cannot be connected to ({reason})",
            hint=f"correct {proxy.variable}",
        )
        return failure(session, "proxy", problem)
    return good("proxy", f"{proxy.url}, from {proxy.variable}")


def _database(settings: Settings) -> Path | None:
    """Return the file of the store; None if it is a database server's."""
    scheme = settings.store_url.partition(":")[0]
    if scheme == "sqlite":
        return sqlite_path(settings.store_url, settings.data_dir)
    return settings.data_dir / "index.db" if scheme == "keyring" else None


def _private(settings: Settings, database: Path | None) -> list[Path]:
    remembered = settings.sealing_key or ""
    key = settings.key_file or (Path(remembered) if remembered.startswith("/") else None)
    return [each for each in (settings.config_file, database, key) if each is not None]


def _is_open(path: Path) -> bool:
    if sys.platform == "win32":
        return False
    try:
        return bool(path.stat().st_mode & FOR_OTHERS)
    except OSError:
        return False
