"""Statements to a SQLite file, each whole by itself, over a few connections kept open."""

from __future__ import annotations

import contextlib
import os
import re
import sqlite3
import time
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from everyauth_cli.errors import StoreError, StoreUnavailable
from everyauth_cli.private_files import make_directory, open_private
from everyauth_cli.store.group_commit import Change, GroupCommit, Values

SCHEMA_VERSION = 1
BUSY_SECONDS = 30.0
"""How long to wait for other writers: SQLite lets them in by luck, and on a slow disk the last of many waits long."""

LONGEST_PAUSE = 0.05
KEPT_OPEN = 8
INHERITED: list[sqlite3.Connection] = []
"""A parent's connections in its child, which may neither use nor close them (sqlite.org/howtocorrupt.html)."""

LASTING = "PRAGMA synchronous = FULL"
"""What was written is on the disk; with NORMAL, under a write-ahead log, it is there with what is written next."""

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


Place = tuple[int, int, int]
"""What a connection is to: which file (inode, device), and in which process."""


class Kept(NamedTuple):
    """A connection, what it was to when it was opened, and whether the file's journal is a write-ahead log."""

    place: Place | None
    connection: sqlite3.Connection
    has_log: bool


class SqliteFile:
    """A database file, opened when it is first needed; threads may share one, and so may forks.

    Its journal is a write-ahead log, under which readers and a writer do not wait for each other, where `mounts` (as
    Linux lists them) shows a disk of this machine. Over a network that log is unsafe, so it is SQLite's usual journal.

    Raises `StoreUnavailable` when the file cannot be opened or written, `StoreError` when it is damaged.
    """

    def __init__(self, path: Path, *, mounts: Path = MOUNTS) -> None:
        self.path = path
        self._name = str(path)
        self._mounts = mounts
        self._idle: list[Kept] = []
        self._group = GroupCommit()
        weakref.finalize(self, _close_all, self._idle)

    def run(self, statement: str, values: Values = ()) -> list[tuple[Any, ...]]:
        """Run one statement that changes nothing, and return its rows."""
        try:
            kept = self._take() or self._open()
            try:
                rows = kept.connection.execute(statement, values).fetchall()
            except BaseException:
                kept.connection.close()
                raise
        except (OSError, sqlite3.Error) as error:
            raise self._explained(error) from None
        self._keep(kept)
        return rows

    def write(self, statement: str, values: Values = ()) -> None:
        """Run one statement that changes something; what it changes is on the disk then."""
        self._group.write(Change(statement, values), self._commit)

    def write_in_passing(self, statement: str, values: Values = ()) -> None:
        """The same, but a loss of power may take it, where all who use the file see it until then."""
        self._commit([Change(statement, values)], lasting=False)

    def _commit(self, changes: Sequence[Change], *, lasting: bool = True) -> None:
        try:
            kept = self._take() or self._open()
            try:
                if lasting or not kept.has_log:
                    _commit(kept.connection, changes)
                    if not self._group.is_awaited:
                        _checkpoint(kept.connection)
                else:
                    kept.connection.execute("PRAGMA synchronous = NORMAL")
                    _commit(kept.connection, changes)
                    kept.connection.execute(LASTING)
            except BaseException:
                kept.connection.close()
                raise
        except (OSError, sqlite3.Error) as error:
            raise self._explained(error) from None
        self._keep(kept)

    def _take(self) -> Kept | None:
        """A connection to the file that is there now, which may have taken the place of another."""
        place = _place(self._name)
        try:
            while (kept := self._idle.pop()).place != place:
                _close(kept)
        except IndexError:
            return None
        return kept

    def _keep(self, kept: Kept) -> None:
        self._idle.append(kept)
        if len(self._idle) > KEPT_OPEN:
            _close(self._idle.pop())

    def _open(self) -> Kept:
        self._create_privately()
        place = _place(self._name)
        # One thread at a time has a connection, whichever that is; each statement is a transaction.
        connection = sqlite3.connect(self._name, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        try:
            connection.execute(LASTING)
            self._check_schema(connection)
            ((journal,),) = connection.execute("PRAGMA journal_mode")
        except BaseException:
            connection.close()
            raise
        return Kept(place, connection, journal == "wal")

    def _check_schema(self, connection: sqlite3.Connection) -> None:
        ((version,),) = connection.execute("PRAGMA user_version")
        if version == 0:
            if _on_local_disk(self.path, self._mounts):
                _use_write_ahead_log(connection)
            connection.executescript(f"BEGIN IMMEDIATE; {SCHEMA} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;")
        elif version != SCHEMA_VERSION:
            raise StoreError(
                f"{self.path} was written by another version of everyauth (schema {version})",
                hint="use that version, or choose another file with `everyauth store use`",
            )

    def _create_privately(self) -> None:
        if self.path.exists():
            return
        make_directory(self.path.parent)
        # Exclusively: to close a file that another thread has made and opened would end that thread's locks on it.
        with contextlib.suppress(FileExistsError):
            os.close(open_private(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL))

    def _explained(self, error: OSError | sqlite3.Error) -> StoreError:
        if isinstance(error, OSError):
            return StoreUnavailable(
                f"cannot use {self.path}: {error.strerror}",
                hint="make it readable and writable for you, or choose another with `everyauth store use`",
            )
        if isinstance(error, sqlite3.OperationalError):
            return StoreUnavailable(
                f"cannot use {self.path}: {error}", hint="check the disk and the file's permissions, then try again"
            )
        if error.sqlite_errorcode == sqlite3.SQLITE_NOTADB:
            return StoreError(
                f"{self.path} is damaged, or no store of everyauth: {error}",
                hint="choose another with `everyauth store use`, or stop what uses it and move that file away",
            )
        return self.damaged(error)

    def damaged(self, error: Exception) -> StoreError:
        """What says that the file, or what it holds, cannot be read."""
        return StoreError(
            f"{self.path} is damaged: {error}",
            hint="stop what uses it and move that file away; `everyauth login` fills a new one",
        )


def _place(name: str) -> Place | None:
    """Where a file is now, if it is anywhere."""
    try:
        file = os.stat(name)  # noqa: PTH116 - at each statement
    except FileNotFoundError:
        return None
    return file.st_ino, file.st_dev, os.getpid()


def _commit(connection: sqlite3.Connection, changes: Sequence[Change]) -> None:
    # One statement is a transaction by itself.
    if len(changes) > 1:
        connection.execute("BEGIN IMMEDIATE")
    for change in changes:
        connection.execute(change.statement, change.values)
    if len(changes) > 1:
        connection.execute("COMMIT")


def _checkpoint(connection: sqlite3.Connection) -> None:
    """Move what was written from the log into the file itself: a copy of it alone, or one moved away, lacks nothing.

    That waits for the disk twice, so it is left to the last of those who write at once; if that one fails, to the next.
    All is on the disk already.
    """
    with contextlib.suppress(sqlite3.Error):
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()


def _close(kept: Kept) -> None:
    if kept.place is None or kept.place[2] == os.getpid():
        kept.connection.close()
    else:
        INHERITED.append(kept.connection)


def _close_all(idle: list[Kept]) -> None:
    while idle:
        _close(idle.pop())


def _use_write_ahead_log(connection: sqlite3.Connection) -> None:
    """Switch the journal, which SQLite refuses at once, without waiting, while another process opens the file too."""
    until = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            import random

            time.sleep(random.uniform(0, LONGEST_PAUSE))  # noqa: S311 - for fairness
        else:
            return


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
