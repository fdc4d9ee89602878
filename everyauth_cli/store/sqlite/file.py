"""Statements to a SQLite file, each whole by itself, over a few connections kept open."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from everyauth_cli.errors import StoreError, StoreUnavailable
from everyauth_cli.private_files import check_owners, make_directory, open_private
from everyauth_cli.store.at_once import WouldWait, may_wait
from everyauth_cli.store.sqlite.changes import LASTING, Change, Changes, checkpoint, make_changes
from everyauth_cli.store.sqlite.journal import (
    CANNOT_SHARE_MEMORY,
    MOUNTS,
    WRITE_AHEAD,
    journal_for,
    leave_log,
    use_journal,
)
from everyauth_cli.store.sqlite.schema import check_schema, make_schema
from everyauth_cli.store.sqlite.without_writing import may_be_for_want_of_writing, rows_without_writing
from everyauth_cli.store.table import Values

BUSY_SECONDS = 30.0
"""The wait for other writers: SQLite lets them in by luck, and on a slow disk the last of many waits long."""

KEPT_OPEN = 8
BESIDE = ("-wal", "-shm", "-journal")
"""Files that SQLite reads with the database, whoever made them."""
LOOK_SECONDS = 0.02
"""The longest time for which the file is taken to be the same one; each change looks again."""

INHERITED: list[sqlite3.Connection] = []
"""A parent's connections in its child, which may neither use nor close them (sqlite.org/howtocorrupt.html)."""

Place = tuple[int, int, int]
"""The file that a connection is to (inode, device), and the process that it is in, by the forks before it."""

forks = 0


class Kept(NamedTuple):
    """A connection, what it was to when it was opened, and whether the file's journal is a write-ahead log."""

    place: Place | None
    connection: sqlite3.Connection
    cursor: sqlite3.Cursor
    has_log: bool


class SqliteFile:
    """A database file, opened when it is first needed; threads may share one, and so may forks.

    Its journal is a write-ahead log, under which readers and a writer do not wait for each other, where `mounts` (as
    Linux lists them) shows a disk of this machine. `warn` gets a warning when it cannot be switched.

    Raises `StoreUnavailable` when the file cannot be opened or written, `StoreError` when it is damaged.
    """

    by_user = " INDEXED BY everyauth_by_user"

    def __init__(self, path: Path, *, mounts: Path = MOUNTS, warn: Callable[[str], None] = lambda _: None) -> None:
        self.path = path
        self._name = str(path)
        self._mounts = mounts
        self._warn = warn
        self._idle: list[Kept] = []
        self._impatient: list[Kept] = []
        self._here: Place | None = None
        self._looked_until = 0.0
        self._changes = Changes()
        for kept in (self._idle, self._impatient):
            weakref.finalize(self, _close_all, kept)

    @property
    def exists(self) -> bool:
        return self.path.exists()

    def run(self, statement: str, values: Values = ()) -> list[tuple[Any, ...]]:
        """Run a statement that changes nothing, and return its rows: none where there is no file."""
        if not may_wait():
            return self._run_at_once(statement, values)
        try:
            place = self._place()
            if place is None:
                return []
            kept = self._take(place) or self._open()
            try:
                rows = kept.cursor.execute(statement, values).fetchall()
            except BaseException:
                kept.connection.close()
                raise
        except (OSError, ValueError, sqlite3.Error) as error:
            return self._run_without_writing(error, statement, values)
        self._keep(kept)
        return rows

    def _run_at_once(self, statement: str, values: Values) -> list[tuple[Any, ...]]:
        """Run it over a connection that is open already, on a disk of this machine. Raises `WouldWait`."""
        try:
            kept = self._take_impatient()
            try:
                rows = kept.cursor.execute(statement, values).fetchall()
            except BaseException:
                kept.connection.close()
                raise
        except (OSError, ValueError, sqlite3.Error):
            # A thread finds out why, or waits until it can be done.
            raise WouldWait from None
        self._impatient.append(kept)
        return rows

    def _take_impatient(self) -> Kept:
        """Take a connection that waits for no other process: to set that each time takes as long as to read a row."""
        place = self._place()
        if kept := _taken(self._impatient, place):
            return kept
        if self._idle and self._idle[-1].has_log and (kept := self._take(place)):
            kept.connection.execute("PRAGMA busy_timeout = 0")
            return kept
        raise WouldWait

    def change(self, statement: str, values: Values = (), *, lasting: bool = True) -> int:
        """Run a statement that changes something, and return how many rows it changed.

        It is on the disk then, unless it is not to be `lasting`: then a loss of power may take it.
        """
        change = Change(statement, values, lasting=lasting)
        try:
            self._changes.make(change, self._commit)
        except (OSError, ValueError, sqlite3.Error) as error:
            raise self._explained(error) from None
        return change.changed or 0

    def _commit(self, changes: list[Change]) -> None:
        kept = self._take(_place(self._name)) or self._open()
        try:
            make_changes(kept.connection, changes, has_log=kept.has_log)
            self._changes.wake()
            if any(each.lasting for each in changes) and not self._changes.awaited:
                checkpoint(kept.connection)
        except BaseException:
            kept.connection.close()
            raise
        self._keep(kept)

    def change_alone(self, statement: str, values: Values = ()) -> None:
        """Run a statement when no other change is under way, as every change to a file is."""
        self.change(statement, values)

    def _place(self) -> Place | None:
        """Where the file is, as of a moment ago: to ask the system takes as long as to read a row."""
        now = time.monotonic()
        if now > self._looked_until or self._here is None or self._here[2] != forks:
            self._here, self._looked_until = _place(self._name), now + LOOK_SECONDS
        return self._here

    def _run_without_writing(self, error: Exception, statement: str, values: Values) -> list[tuple[Any, ...]]:
        if may_be_for_want_of_writing(error) and self.path.is_file():
            with contextlib.suppress(OSError, sqlite3.Error):
                return rows_without_writing(self.path, statement, values)
        raise self._explained(error) from None

    def _take(self, place: Place | None) -> Kept | None:
        return _taken(self._idle, place)

    def _keep(self, kept: Kept) -> None:
        self._idle.append(kept)
        if len(self._idle) > KEPT_OPEN:
            _close(self._idle.pop())

    def _open(self) -> Kept:
        check_owners(self.path)
        for suffix in BESIDE:
            check_owners(Path(self._name + suffix))
        self._create_privately()
        place = _place(self._name)
        try:
            connection, journal = self._connected()
        except sqlite3.OperationalError as error:
            if _code(error) not in CANNOT_SHARE_MEMORY:
                raise
            try:
                leave_log(self._name)
            except sqlite3.Error:
                raise error from None
            connection, journal = self._connected(may_switch=False)
        return Kept(place, connection, connection.cursor(), journal == WRITE_AHEAD)

    def _connected(self, *, may_switch: bool = True) -> tuple[sqlite3.Connection, str]:
        # One thread at a time has a connection, whichever that is; each statement is a transaction.
        connection = sqlite3.connect(self._name, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        try:
            connection.execute(LASTING)
            # What was deleted or overwritten is not left in the file's free pages.
            connection.execute("PRAGMA secure_delete = ON").fetchall()
            ((journal,),) = connection.execute("PRAGMA journal_mode")
            ((version,),) = connection.execute("PRAGMA user_version")
            if version:
                check_schema(self.path, version)
            if may_switch:
                journal = self._switched(connection, journal)
            if not version:
                make_schema(connection)
        except BaseException:
            connection.close()
            raise
        return connection, journal

    def _switched(self, connection: sqlite3.Connection, journal: str) -> str:
        best = journal_for(self.path, self._mounts)
        if journal == best:
            return journal
        journal = use_journal(connection, best)
        if journal == WRITE_AHEAD != best:
            self._warn(
                f"{self.path} has a write-ahead log, which is not safe on a network's file system, and another process"
                " has it open, so it stays; end that process, then run this again"
            )
        return journal

    def _create_privately(self) -> None:
        if self.path.exists():
            return
        make_directory(self.path.parent)
        # Exclusively: to close a file that another thread has made and opened would end that thread's locks on it.
        with contextlib.suppress(FileExistsError):
            os.close(open_private(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL))

    def _explained(self, error: Exception) -> StoreError:
        if isinstance(error, (OSError, ValueError)):
            reason = error.strerror if isinstance(error, OSError) else error
            return StoreUnavailable(
                f"cannot use {self.path}: {reason}",
                hint="make it readable and writable for you, or choose another: everyauth store use sqlite:///PATH",
            )
        if isinstance(error, sqlite3.OperationalError):
            return StoreUnavailable(
                f"cannot use {self.path}: {error}",
                hint="see whether the disk is full or cannot be written, then try again",
            )
        if _code(error) == sqlite3.SQLITE_NOTADB:
            return StoreError(
                f"{self.path} is damaged, or no store of everyauth: {error}",
                hint="stop what uses it and move that file away, or choose another: everyauth store use sqlite:///PATH",
            )
        return StoreError(
            f"{self.path} is damaged: {error}",
            hint="stop what uses it, move that file away, and log in again",
        )


def _code(error: Exception) -> int:
    """SQLite's code of an error; 0 for one that comes from Python's own module."""
    return getattr(error, "sqlite_errorcode", 0)


def _place(name: str) -> Place | None:
    """Where a file is now, if it is anywhere."""
    try:
        file = os.stat(name)  # noqa: PTH116 - at each statement
    except FileNotFoundError:
        return None
    return file.st_ino, file.st_dev, forks


def _count_fork() -> None:
    global forks  # noqa: PLW0603 - of this process, in which its child begins anew
    forks += 1


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_count_fork)


def _taken(idle: list[Kept], place: Place | None) -> Kept | None:
    """Take a connection to the present file, which may have replaced another."""
    try:
        while (kept := idle.pop()).place != place:
            _close(kept)
    except IndexError:
        return None
    return kept


def _close(kept: Kept) -> None:
    if kept.place is None or kept.place[2] == forks:
        kept.connection.close()
    else:
        INHERITED.append(kept.connection)


def _close_all(idle: list[Kept]) -> None:
    while idle:
        _close(idle.pop())
