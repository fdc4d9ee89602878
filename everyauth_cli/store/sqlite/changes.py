"""Commits the changes that many threads make to a SQLite file at the same time in one transaction."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue

from everyauth_cli.store.forks import begin_anew_in_forks
from everyauth_cli.store.table import Values

LASTING = "PRAGMA synchronous = FULL"
"""fsync at every commit; with NORMAL, under a write-ahead log, a commit lasts only from the next checkpoint on."""
LOOK_SECONDS = 0.5
"""Seconds after which a waiting thread looks by itself: the one that should wake it may have been interrupted."""


class Change:
    """A statement that changes something; `changed` is the number of rows once it is made."""

    __slots__ = ("changed", "lasting", "statement", "values", "woken")

    def __init__(self, statement: str, values: Values, *, lasting: bool) -> None:
        self.statement, self.values, self.lasting = statement, values, lasting
        self.changed: int | None = None
        self.woken: SimpleQueue[None] = SimpleQueue()


class Changes:
    """The changes of this process that wait for their commit, which one of the waiting threads makes for all.

    Each commit waits for the disk, and SQLite keeps no order among connections that wait for each other. A change may
    be made twice, if the thread that made it was interrupted before it noted that: each statement allows that.
    """

    def __init__(self) -> None:
        self.begin_anew()
        begin_anew_in_forks(self)

    def begin_anew(self) -> None:
        """Let nothing wait: the threads that do are a parent's, and none of its child."""
        self._lock = threading.Lock()
        self._waiting: list[Change] = []

    @property
    def awaited(self) -> bool:
        """Whether a change waits that is not made."""
        return any(each.changed is None for each in self._waiting.copy())

    def make(self, change: Change, commit: Callable[[list[Change]], None]) -> None:
        """Make a change, or have it made by another thread.

        `commit` makes the first of some changes, and with it the others if it can; what it raises is raised.
        """
        self._waiting.append(change)
        try:
            while change.changed is None:
                if self._lock.acquire(blocking=False):
                    self._make_all(change, commit)
                else:
                    with contextlib.suppress(Empty):
                        change.woken.get(timeout=LOOK_SECONDS)
        finally:
            self._waiting.remove(change)
            if change.changed is None:
                # It may have been woken to make the next.
                self.wake()

    def _make_all(self, change: Change, commit: Callable[[list[Change]], None]) -> None:
        try:
            if change.changed is None:
                others = (each for each in self._waiting.copy() if each is not change)
                commit([change, *(each for each in others if each.changed is None)])
        finally:
            self._lock.release()
            # After the release: who finds the lock held is in the list by now.
            self.wake()

    def wake(self) -> None:
        """Wake those whose change is made, and one of the others to make the next."""
        is_next_awake = False
        for each in self._waiting.copy():
            if each.changed is not None or not is_next_awake:
                each.woken.put(None)
            is_next_awake = is_next_awake or each.changed is None


def make_changes(connection: sqlite3.Connection, changes: Sequence[Change], *, has_log: bool) -> None:
    """Make all changes, or the first alone if one of them fails, over a connection that is `LASTING`."""
    if has_log and not any(each.lasting for each in changes):
        connection.execute("PRAGMA synchronous = NORMAL")
        try:
            _make(connection, changes)
        finally:
            connection.execute(LASTING)
    else:
        _make(connection, changes)


def _make(connection: sqlite3.Connection, changes: Sequence[Change]) -> None:
    first, *others = changes
    if not (others and _made_together(connection, changes)):
        first.changed = connection.execute(first.statement, first.values).rowcount


def _made_together(connection: sqlite3.Connection, changes: Sequence[Change]) -> bool:
    """Make changes in one transaction, and return whether they are made; else none of them is."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        counts = [connection.execute(each.statement, each.values).rowcount for each in changes]
        connection.execute("COMMIT")
    except (ValueError, sqlite3.Error):
        connection.rollback()
        return False
    for each, count in zip(changes, counts, strict=True):
        each.changed = count
    return True


def checkpoint(connection: sqlite3.Connection) -> None:
    """Move what was written from the log into the file itself: a copy of it alone, or one moved away, lacks nothing.

    It waits for the disk twice, so only the last of several writers makes it. If it fails, the next commit's makes up
    for it: the log is on the disk already.
    """
    with contextlib.suppress(sqlite3.Error):
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
