"""One connection to a PostgreSQL server, on which every wait ends at a deadline."""

from __future__ import annotations

import functools
import math
import threading
import time
from collections.abc import Generator, Sequence
from contextlib import suppress
from typing import Any, TypeVar

from psycopg import Connection, Cursor
from psycopg.pq import TransactionStatus

T = TypeVar("T")
Waiting = Generator[Any, Any, T]

LOOK_UP_SECONDS = 0.1
CANCEL_SECONDS = 1.0
"""The time for the server to cancel a statement that it did not finish in time."""


class Session(Connection[tuple[Any, ...]]):
    """A connection of psycopg whose statements have a deadline, which its one hook for waiting keeps.

    A statement that cannot be finished, for whatever reason, ends the session: its response must not be read as that to
    the next one.
    """

    _until = math.inf

    def wait(self, gen: Waiting[T], interval: float = LOOK_UP_SECONDS, *more: Any, **options: Any) -> T:  # noqa: ANN401
        return super().wait(self._until_deadline(gen), min(interval, LOOK_UP_SECONDS), *more, **options)

    def _until_deadline(self, gen: Waiting[T]) -> Waiting[T]:
        """The same steps, each of which looks at the clock."""
        try:
            step = next(gen)
            while True:
                ready = yield step
                if time.monotonic() >= self._until:
                    raise TimeoutError
                step = gen.send(ready)
        except StopIteration as done:
            result: T = done.value
            return result

    def run(
        self, statement: str, values: Sequence[object] | None, *, seconds: float, after: str | None = None
    ) -> tuple[list[Any], int]:
        """Run one statement; returns its rows and how many it changed. Without `values` it may be several.

        With `after` that statement is run first, in one transaction with it. Raises `TimeoutError` after `seconds`,
        and psycopg's errors.
        """
        self._until = time.monotonic() + seconds
        try:
            if after is None:
                return self._rows(statement, values)
            with self.transaction():
                self._rows(after, None)
                return self._rows(statement, values)
        except BaseException:
            self._give_up()
            raise
        finally:
            self._until = math.inf

    def _rows(self, statement: str, values: Sequence[object] | None) -> tuple[list[Any], int]:
        # The statements are constants of this package; values travel apart from them.
        done = self._one_cursor.execute(statement, values, binary=values is not None)
        # Not by `description`, which is made for each column at each call.
        has_rows = done.pgresult is not None and done.pgresult.nfields > 0
        return done.fetchall() if has_rows else [], done.rowcount

    @functools.cached_property
    def _one_cursor(self) -> Cursor[tuple[Any, ...]]:
        """The cursor of all statements: to make one takes as long as half of what is done for one here."""
        return self.cursor()

    def _give_up(self) -> None:
        """End what is under way: it might wait for a lock, and be written when all is over. Then end the session."""
        if self.closed or self.pgconn.transaction_status == TransactionStatus.IDLE:
            return
        self._until = math.inf
        try:
            # In a thread, since an old libpq waits without end for a server that does not answer.
            cancelling = threading.Thread(target=self._cancel, daemon=True)
            cancelling.start()
            cancelling.join(CANCEL_SECONDS)
        finally:
            self.close()

    def _cancel(self) -> None:
        with suppress(Exception):
            self.cancel_safe(timeout=CANCEL_SECONDS)
