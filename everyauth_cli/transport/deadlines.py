"""Watches the deadlines of requests that threads send by themselves, in one thread for all of them."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue

from everyauth_cli.store.forks import begin_anew_in_forks

STEP = 1.0
"""The most seconds that one look at the clock counts: time in which the process was stopped is not the service's."""


class Deadline:
    """Seconds until `cut` is called, unless the request has `ended` before."""

    def __init__(self, seconds: float, ended: threading.Event, cut: Callable[[], None]) -> None:
        self.left = seconds
        self._counted_to = time.monotonic()
        self._ended, self._cut = ended, cut

    def goes_on(self, now: float) -> bool:
        """Count the seconds to now; return whether the deadline is still to be watched."""
        if self._ended.is_set():
            return False
        self.left -= min(now - self._counted_to, STEP)
        self._counted_to = now
        if self.left <= 0:
            self._cut()
        return self.left > 0


class Deadlines:
    """The deadlines of this process; the thread ends a moment after the last of them."""

    def __init__(self) -> None:
        self.begin_anew()
        begin_anew_in_forks(self)

    def begin_anew(self) -> None:
        """Watch nothing: the thread of a parent does not run in its child."""
        self._lock = threading.Lock()
        self._watched: list[Deadline] = []
        self._is_running = False
        self._woken: SimpleQueue[None] = SimpleQueue()

    def add(self, deadline: Deadline) -> None:
        """Watch a deadline; raises `RuntimeError` where no thread can be started for that."""
        with self._lock:
            if not self._is_running:
                threading.Thread(target=self._watch, daemon=True).start()
                self._is_running = True
            self._watched.append(deadline)
        if deadline.left < STEP:
            self._woken.put(None)

    def _watch(self) -> None:
        while True:
            with self._lock:
                now = time.monotonic()
                self._watched = [each for each in self._watched if each.goes_on(now)]
                if not self._watched:
                    self._is_running = False
                    return
                wait = min(STEP, *(each.left for each in self._watched))
            with contextlib.suppress(Empty):
                self._woken.get(timeout=wait)


DEADLINES = Deadlines()
