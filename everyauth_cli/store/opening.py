"""Puts a store together from its URL."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote

from everyauth_cli.errors import ConfigurationProblem, StoreUnavailable
from everyauth_cli.model import Secret
from everyauth_cli.store.file_locks import FileLocks
from everyauth_cli.store.keyring.opening import Keyring
from everyauth_cli.store.keyring.records import KeyringRecords
from everyauth_cli.store.records import Store
from everyauth_cli.store.sealed.key_place import KeyPlace, SealingKey
from everyauth_cli.store.sealed.records import SealedRecords
from everyauth_cli.store.shown_url import is_postgres, shown_url
from everyauth_cli.store.spool import Spool
from everyauth_cli.store.sqlite.file import SqliteFile
from everyauth_cli.store.table import RecordTable

Warn = Callable[[str], None]


def silent(_: str) -> None:
    """Drop a warning."""


def open_store(url: str, *, data_dir: Path, keyring: Keyring, sealing_key: SealingKey, warn: Warn = silent) -> Store:
    """The store of that URL. Nothing is opened, read or unlocked before it is needed.

    Raises `ConfigurationProblem` for a URL that means nothing.
    """
    scheme, _, rest = url.partition(":")
    if is_postgres(url):
        return _postgres_store(url, data_dir, keyring, sealing_key, warn)
    if scheme == "keyring" and not rest.strip("/"):
        path = data_dir / "index.db"
        records = KeyringRecords(RecordTable(SqliteFile(path, warn=warn)), keyring.open)
        return Store(url=url, backend=records, locks=FileLocks(locks_beside(path)), namespace=keyring.namespace)
    if scheme == "sqlite" and rest.startswith("//"):
        return _sqlite_store(url, data_dir, keyring, sealing_key, warn)
    raise ConfigurationProblem(
        f"{shown_url(url)!r} is not a store",
        hint="use keyring:, sqlite:///path or postgresql://user@host/database",
    )


def _sqlite_store(url: str, data_dir: Path, keyring: Keyring, sealing_key: SealingKey, warn: Warn) -> Store:
    path = sqlite_path(url, data_dir)
    place = KeyPlace(url=f"sqlite://{path}", key=sealing_key, keyring=keyring)
    table = RecordTable(SqliteFile(path, warn=warn))
    records = SealedRecords(table, place.read_keys, where=f"sealed in {path}; the key is in {place.describe()}")
    spool = _spool(data_dir, place, records)
    return Store(url=url, backend=records, locks=FileLocks(locks_beside(path)), spool=spool)


def _postgres_store(url: str, data_dir: Path, keyring: Keyring, sealing_key: SealingKey, warn: Warn) -> Store:
    try:
        from everyauth_cli.store.postgres.opening import open_table
    except ImportError:
        raise StoreUnavailable(
            "PostgreSQL needs the package psycopg, which is not installed",
            hint="pip install 'everyauth-cli[postgres]'",
        ) from None
    shown = shown_url(url)
    table, claims = open_table(Secret(url), shown=shown, warn=warn)
    place = KeyPlace(url=shown, key=sealing_key, keyring=keyring)
    records = SealedRecords(table, place.read_keys, where=f"sealed in {shown}; the key is in {place.describe()}")
    return Store(url=shown, backend=records, locks=claims, spool=_spool(data_dir, place, records))


def _spool(data_dir: Path, place: KeyPlace, records: SealedRecords) -> Spool:
    return Spool(directory=data_dir / "spool", url=place.url, seal=records.seal_text, unseal=records.unseal_text)


def sqlite_path(url: str, data_dir: Path) -> Path:
    """The file of a `sqlite:///path` URL, an absolute path; `sqlite://` alone is the default file.

    A fourth slash, as SQLAlchemy's users write it, says the same. Raises `ConfigurationProblem`.
    """
    if "?" in url or "#" in url:
        raise ConfigurationProblem(
            f"{shown_url(url)!r} holds more than a path",
            hint="sqlite:///path/to/file.db; a ? in it is written %3F, a # %23",
        )
    rest = unquote(url.removeprefix("sqlite://"))
    if not rest.strip("/"):
        return data_dir / "everyauth.db"
    if "\0" in rest:
        raise ConfigurationProblem(f"{shown_url(url)!r} holds a null character", hint="sqlite:///path/to/file.db")
    rest = rest if not rest.startswith("/") else "/" + rest.lstrip("/")
    path = Path(rest[1:] if sys.platform == "win32" else rest)
    if not path.is_absolute() or not path.name:
        raise ConfigurationProblem(
            f"{shown_url(url)!r} holds no absolute path", hint="three slashes: sqlite:///path/to/file.db"
        )
    return path


def locks_beside(path: Path) -> Path:
    """The directory of the locks of a file: by the file itself, so that those who name it by a link share them."""
    path = path.resolve()
    return path.with_name(path.name + ".locks")
