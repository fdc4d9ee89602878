"""Cuts off what does not answer in time: one thread watches over all, and is there only while there is something."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")

LONGEST_PAUSE = 0.5
LOOKS = 4
"""How often at least it is looked whether a deadline has passed, in the time that there is."""


class Deadline(Generic[T]):
    """When something has to have answered; `passed` says that it had not, and was cut off."""

    __slots__ = ("at", "passed", "what")

    def __init__(self, what: T, *, at: float) -> None:
        self.what = what
        self.at = at
        self.passed = False


class Deadlines(Generic[T]):
    """Those of one kind of thing, `seconds` after each `begin`; `cut` is called in another thread than its user's."""

    def __init__(self, *, seconds: float, cut: Callable[[T], None]) -> None:
        self._seconds = seconds
        self._cut = cut
        self._open: set[Deadline[T]] = set()
        self._is_watched = False
        self._lock = threading.Lock()

    def begin(self, what: T) -> Deadline[T]:
        deadline = Deadline(what, at=time.monotonic() + self._seconds)
        with self._lock:
            self._open.add(deadline)
            if not self._is_watched:
                threading.Thread(target=self._watch, daemon=True).start()
                self._is_watched = True
        return deadline

    def end(self, deadline: Deadline[T]) -> None:
        self._open.discard(deadline)

    def _watch(self) -> None:
        while self._has_some():
            time.sleep(min(LONGEST_PAUSE, self._seconds / LOOKS))
            now = time.monotonic()
            for deadline in list(self._open):  # copied in one step: others end meanwhile
                if deadline.at <= now and not deadline.passed:
                    deadline.passed = True
                    self._cut(deadline.what)

    def _has_some(self) -> bool:
        with self._lock:
            self._is_watched = bool(self._open)
            return self._is_watched
