"""Reads a SQLite file that cannot be written to, on a read-only mount or a full disk."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

from everyauth_cli.store.sqlite.schema import check_schema

ATTEMPTS = 5
# The log, and the journal of a write that was broken off; both hold what the file itself does not have yet.
BESIDE = ("-wal", "-journal")
CANNOT_WRITE = (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL)


def may_be_for_want_of_writing(error: Exception) -> bool:
    """Whether reading may have failed because SQLite needed to write a file beside it."""
    return isinstance(error, sqlite3.OperationalError) and getattr(error, "sqlite_errorcode", 0) & 0xFF in CANNOT_WRITE


def rows_without_writing(path: Path, statement: str, values: Sequence[object]) -> list[tuple[Any, ...]]:
    """The rows of a statement, as they were last committed. Raises `sqlite3.Error`, `OSError`, `StoreError`."""
    for _ in range(ATTEMPTS):
        before = _state(path)
        try:
            read = _read_in_place if before[1:] == (None, None) else _read_copy
            rows = read(path, statement, values)
        except sqlite3.DatabaseError:
            if _state(path) == before:
                raise
            continue
        # A process that can write may have done so meanwhile.
        if _state(path) == before:
            return rows
    raise sqlite3.OperationalError("it changes faster than it can be read")


def _read_in_place(path: Path, statement: str, values: Sequence[object]) -> list[tuple[Any, ...]]:
    # Nothing is beside the file, so it is all there is.
    with closing(sqlite3.connect(f"file:{quote(str(path))}?immutable=1", uri=True)) as connection:
        return _rows(path, connection, statement, values)


def _read_copy(path: Path, statement: str, values: Sequence[object]) -> list[tuple[Any, ...]]:
    import tempfile  # it imports random, which takes longer than most commands need

    with tempfile.TemporaryDirectory() as directory:
        copy = Path(directory) / path.name
        for beside in ("", *BESIDE):
            if (source := path.with_name(path.name + beside)).exists():
                shutil.copyfile(source, copy.with_name(copy.name + beside))
        with closing(sqlite3.connect(copy)) as connection:
            return _rows(path, connection, statement, values)


def _rows(
    path: Path, connection: sqlite3.Connection, statement: str, values: Sequence[object]
) -> list[tuple[Any, ...]]:
    ((version,),) = connection.execute("PRAGMA user_version")
    check_schema(path, version)
    return connection.execute(statement, tuple(values)).fetchall()


def _state(path: Path) -> tuple[object, ...]:
    """Tells one state of the file, and of what is beside it and not empty, from another."""
    return tuple(_stamp(path.with_name(path.name + beside)) for beside in ("", *BESIDE))


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return (found.st_ino, found.st_size, found.st_mtime_ns) if found.st_size else None
