"""The index in a SQLite file: public halves as JSON, and a table of sealed cells for the vault that wants one."""

from __future__ import annotations

import json
import os
import re
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from everyauth_cli.errors import StoreError, StoreUnavailable
from everyauth_cli.model import Key

SCHEMA_VERSION = 1
BUSY_SECONDS = 30.0
"""How long to wait for other writers: SQLite lets them in by luck, and on a slow disk the last of many waits long."""

MOUNTS = Path("/proc/self/mountinfo")
NETWORK = re.compile(r"nfs|cifs|smb|9p|afs|ceph|gluster|lustre|beegfs|fuse")
SCHEMA = """
CREATE TABLE IF NOT EXISTS records (
    profile TEXT NOT NULL, kind TEXT NOT NULL, service TEXT NOT NULL, tenant TEXT NOT NULL, user TEXT NOT NULL,
    public TEXT NOT NULL,
    PRIMARY KEY (profile, kind, service, tenant, user)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS records_by_user ON records (profile, kind, user);
CREATE TABLE IF NOT EXISTS sealed (name TEXT PRIMARY KEY, cell BLOB NOT NULL) WITHOUT ROWID;
"""
COLUMNS = ("profile", "service", "tenant", "user")


class SqliteIndex:
    """One SQLite file; each call opens it anew, so threads and forks share nothing.

    Its journal is a write-ahead log, under which readers and a writer do not wait for each other, where `mounts` (as
    Linux lists them) shows a disk of this machine. Over a network that log is unsafe, so it is SQLite's usual journal.

    Raises `StoreUnavailable` when the file cannot be opened or written, `StoreError` when it is damaged.
    """

    def __init__(self, path: Path, *, mounts: Path = MOUNTS) -> None:
        self.path = path
        self._mounts = mounts

    def read(self, key: Key) -> dict[str, Any] | None:
        where, values = _where(key, COLUMNS)
        with self._connection() as connection:
            row = connection.execute(f"SELECT public FROM records {where}", values).fetchone()  # noqa: S608
            return None if row is None else dict(json.loads(row[0]))

    def find(self, key: Key, *, after: Key | None = None, limit: int | None = None) -> list[tuple[Key, dict[str, Any]]]:
        with self._connection() as connection:
            rows = connection.execute(*listing(key, after=after, limit=limit)).fetchall()
            return [
                (
                    Key(profile=profile, kind=key.kind, service=service, tenant=tenant, user=user),
                    dict(json.loads(public)),
                )
                for profile, service, tenant, user, public in rows
            ]

    def write(self, key: Key, public: Mapping[str, Any]) -> None:
        values = (key.profile, key.kind, key.service, key.tenant, key.user, json.dumps(public))
        with self._connection() as connection:
            connection.execute("INSERT OR REPLACE INTO records VALUES (?, ?, ?, ?, ?, ?)", values)

    def delete(self, key: Key) -> None:
        where, values = _where(key, COLUMNS)
        with self._connection() as connection:
            connection.execute(f"DELETE FROM records {where}", values)  # noqa: S608

    def read_cell(self, name: str) -> bytes | None:
        with self._connection() as connection:
            row = connection.execute("SELECT cell FROM sealed WHERE name = ?", (name,)).fetchone()
        return None if row is None else bytes(row[0])

    def write_cell(self, name: str, cell: bytes) -> None:
        with self._connection() as connection:
            connection.execute("INSERT OR REPLACE INTO sealed VALUES (?, ?)", (name, cell))

    def delete_cell(self, name: str) -> None:
        with self._connection() as connection:
            connection.execute("DELETE FROM sealed WHERE name = ?", (name,))

    def cell_names(self) -> list[str]:
        with self._connection() as connection:
            return [name for (name,) in connection.execute("SELECT name FROM sealed ORDER BY name")]

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        """A connection with one transaction: committed at the end, rolled back on an error."""
        with self._errors():
            connection = self._open()
            try:
                with connection:
                    yield connection
            finally:
                connection.close()

    def _open(self) -> sqlite3.Connection:
        self._create_privately()
        connection = sqlite3.connect(self.path, timeout=BUSY_SECONDS)
        try:
            self._check_schema(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _check_schema(self, connection: sqlite3.Connection) -> None:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version == 0:
            if _on_local_disk(self.path, self._mounts):
                connection.execute("PRAGMA journal_mode = WAL")
            connection.executescript(f"BEGIN IMMEDIATE; {SCHEMA} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;")
        elif version != SCHEMA_VERSION:
            raise StoreError(
                f"{self.path} was written by another version of everyauth (schema {version})",
                hint="use that version, or choose another file with `everyauth store use`",
            )

    def _create_privately(self) -> None:
        if self.path.exists():
            return
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StoreUnavailable(
                f"cannot use {self.path}: {error.strerror}",
                hint="make it readable and writable for you, or choose another with `everyauth store use`",
            ) from None
        except sqlite3.OperationalError as error:
            raise StoreUnavailable(
                f"cannot use {self.path}: {error}",
                hint="check the disk and the file's permissions, then try again",
            ) from None
        except (sqlite3.DatabaseError, ValueError, TypeError) as error:
            raise StoreError(
                f"{self.path} is damaged: {error}",
                hint="move that file away; `everyauth login` fills a new one",
            ) from None


def _where(key: Key, columns: tuple[str, ...] | list[str]) -> tuple[str, list[str]]:
    """The WHERE clause for a key, over the columns named (all from COLUMNS, never from outside)."""
    terms = "".join(f" AND {column} = ?" for column in columns)
    return f"WHERE kind = ?{terms}", [key.kind, *(getattr(key, c) for c in columns)]


def listing(key: Key, *, after: Key | None = None, limit: int | None = None) -> tuple[str, list[str | int]]:
    """The statement that lists what `Index.find` looks for, and its values."""
    given = [column for column in COLUMNS if getattr(key, column)]
    where, values = _where(key, given)
    bound: list[str | int] = [*values]
    if after is not None:
        # Over the columns that are not given, because an index seeks with those and only filters with all.
        columns = [column for column in COLUMNS if column not in given] or COLUMNS
        where += f" AND ({', '.join(columns)}) > ({', '.join('?' * len(columns))})"
        bound += [getattr(after, column) for column in columns]
    names = ", ".join(COLUMNS)
    bound.append(-1 if limit is None else limit)
    return f"SELECT {names}, public FROM records {where} ORDER BY {names} LIMIT ?", bound  # noqa: S608


def _on_local_disk(path: Path, mounts: Path) -> bool:
    """Whether the file system of a path is known, and known to be of this machine alone."""
    try:
        lines = mounts.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return False
    path = path.resolve()
    # Field 5 is the mount point; the type follows the field that is a lone dash. The last mount hides those under it.
    found = [(line.split()[4].replace("\\040", " "), line.partition(" - ")[2].split()[0]) for line in lines]
    over = [(point, kind) for point, kind in found if path.is_relative_to(point)]
    return bool(over) and not NETWORK.search(max(reversed(over), key=lambda mount: len(mount[0]))[1])
