"""Commits what several threads want written at once together, since a disk takes its time for each commit."""

from __future__ import annotations

import os
import threading
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress

from everyauth_cli.errors import StoreUnavailable

Values = Sequence[str | int | bytes]


class Change:
    """One statement that changes something, and what came of it."""

    __slots__ = ("done", "error", "statement", "values")

    def __init__(self, statement: str, values: Values) -> None:
        self.statement = statement
        self.values = values
        self.done = False
        self.error: Exception | None = None


Commit = Callable[[Sequence[Change]], None]
"""Writes all the changes that it is given, or none; raises `StoreError`."""


class GroupCommit:
    """Lets one thread after the other commit all that waits by then; threads may share one, and so may forks."""

    def __init__(self) -> None:
        self.begin_anew()
        _everywhere.add(self)

    def begin_anew(self) -> None:
        """Forget who waits: in a fork that is nobody."""
        self._turn = threading.Lock()
        self._waiting: deque[Change] = deque()

    @property
    def is_awaited(self) -> bool:
        """Whether there is more to commit already."""
        return bool(self._waiting)

    def write(self, change: Change, commit: Commit) -> None:
        """Commit a change, or have it committed; raises what `commit` does for it."""
        self._waiting.append(change)
        try:
            with self._turn:
                # Else the thread whose turn was before has taken it along.
                if not change.done:
                    _commit_all(self._taken(change), commit)
        except BaseException:
            # What its caller has given up must not be written later, over what is newer.
            with suppress(ValueError):
                self._waiting.remove(change)
            raise
        if change.error:
            raise change.error

    def _taken(self, own: Change) -> list[Change]:
        """All that waits, in the order in which it came."""
        taken = []
        with suppress(IndexError):
            while True:
                taken.append(self._waiting.popleft())
        # It is not among them if a thread took it along that was interrupted.
        return taken if own in taken else [*taken, own]


def _commit_all(changes: Sequence[Change], commit: Commit) -> None:
    error: Exception | None = None
    try:
        commit(changes)
    except Exception as caught:  # noqa: BLE001 - raised by the thread whose change it is
        error = caught
    if error and len(changes) > 1 and not isinstance(error, StoreUnavailable):
        # One of them is at fault, and the others are not to suffer for it.
        for change in changes:
            _commit_all([change], commit)
        return
    for change in changes:
        change.error, change.done = error, True


_everywhere: weakref.WeakSet[GroupCommit] = weakref.WeakSet()


def _begin_anew_in_child() -> None:
    for group in _everywhere:
        group.begin_anew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew_in_child)
