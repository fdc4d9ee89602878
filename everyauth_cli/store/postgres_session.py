"""One session with a PostgreSQL server: a statement is sent and its answer read within a deadline."""

from __future__ import annotations

import functools
import hashlib
import re
import selectors
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import count
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from psycopg import Connection
    from psycopg.pq.abc import PGresult

PREPARED_FROM = 5
"""From which time on a statement is prepared on the server, which then answers in half the time."""

CANCEL_SECONDS = 1.0
"""How long to ask the server to give up a statement that was not answered in time."""

TEXT, BINARY = 0, 1
ACTIVE = 1
"""The state of a session in which a statement is under way, in libpq's numbers."""

FATAL_ERROR = 7
"""The status of a result that is an error, in libpq's numbers."""

# One that holds no file of its own, which a fork would share; Windows has no `poll`.
Selector = getattr(selectors, "PollSelector", selectors.SelectSelector)


def _number(value: bytes) -> int:
    return int.from_bytes(value, "big", signed=True)


# By the number of the type in PostgreSQL's own catalogue: bytea, and integers; all else that we ask for is text.
LOADERS: dict[int, Callable[[bytes], Any]] = {17: bytes, 20: _number, 23: _number}


class Session:
    """A connection that is spoken over by libpq's own calls: a psycopg cursor's many layers cost more than the server.

    What cannot be finished, for whatever reason, ends it: nobody shall read the answer to another's statement.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._pgconn = connection.pgconn
        self._uses = Counter[str]()
        self._prepared = set[str]()
        self._selector = Selector()
        self._selector.register(self._pgconn.socket, selectors.EVENT_READ)

    @property
    def closed(self) -> bool:
        return self._connection.closed

    def close(self) -> None:
        self._connection.close()

    def fileno(self) -> int:
        return self._connection.fileno()

    def run(
        self, statement: str, values: Sequence[object] | None, *, seconds: float, prepares: bool
    ) -> list[tuple[Any, ...]]:
        """Run one statement and return its rows; without `values` it may be several.

        Raises `TimeoutError` after `seconds`, and psycopg's errors.
        """
        until = time.monotonic() + seconds
        try:
            self._send(statement, values, until, prepares=prepares)
            result = self._result(until)
        except BaseException:
            self._give_up()
            raise
        return _rows(_checked(result))

    def _give_up(self) -> None:
        """End the session, and what is under way there: it might wait for a lock, and be written when all is over."""
        try:
            if self._pgconn.transaction_status == ACTIVE:
                # In a thread, since an old libpq waits without end for a server that does not answer.
                cancelling = threading.Thread(target=self._cancel, daemon=True)
                cancelling.start()
                cancelling.join(CANCEL_SECONDS)
        finally:
            self.close()

    def _cancel(self) -> None:
        with suppress(Exception):
            self._connection.cancel_safe(timeout=CANCEL_SECONDS)

    def _send(self, statement: str, values: Sequence[object] | None, until: float, *, prepares: bool) -> None:
        if values is None:
            self._pgconn.send_query(statement.encode())
            return
        command, name = _numbered(statement)
        bound = [value if value is None or isinstance(value, bytes) else str(value).encode() for value in values]
        formats = [BINARY if isinstance(value, (str, bytes)) else TEXT for value in values]
        if prepares and self._is_prepared(statement, until):
            self._pgconn.send_query_prepared(name, bound, formats, BINARY)
        else:
            self._pgconn.send_query_params(command, bound, None, formats, BINARY)

    def _is_prepared(self, statement: str, until: float) -> bool:
        """Whether the server knows a statement by its name, which it is told when it is worth it."""
        if statement in self._prepared:
            return True
        self._uses[statement] += 1
        if self._uses[statement] <= PREPARED_FROM:
            return False
        command, name = _numbered(statement)
        self._pgconn.send_prepare(name, command)
        _checked(self._result(until))
        self._prepared.add(statement)
        return True

    def _result(self, until: float) -> PGresult:
        """The last result, or the first that is an error."""
        if self._pgconn.flush():
            self._flush(until)
        results = []
        while (result := self._next(until)) is not None:
            results.append(result)
        return next((result for result in results if result.status == FATAL_ERROR), results[-1])

    def _next(self, until: float) -> PGresult | None:
        while self._pgconn.is_busy():
            self._wait(until)
            self._pgconn.consume_input()
        return self._pgconn.get_result()

    def _flush(self, until: float) -> None:
        """Send what did not fit at once; the server may want to be heard before it takes more."""
        self._selector.modify(self._pgconn.socket, selectors.EVENT_READ | selectors.EVENT_WRITE)
        while self._pgconn.flush():
            self._wait(until)
            self._pgconn.consume_input()
        self._selector.modify(self._pgconn.socket, selectors.EVENT_READ)

    def _wait(self, until: float) -> None:
        left = until - time.monotonic()
        if left <= 0 or not self._selector.select(left):
            raise TimeoutError


@functools.cache
def _numbered(statement: str) -> tuple[bytes, bytes]:
    """A statement with its places numbered, and the name that it is prepared under.

    The name says what the statement is: a pooler may hand out a server's session that another has prepared under it.
    """
    number = count(1)
    command = re.sub("%s", lambda _: f"${next(number)}", statement).encode()
    return command, f"everyauth_{hashlib.sha256(command).hexdigest()[:32]}".encode()


def _checked(result: PGresult) -> PGresult:
    if result.status == FATAL_ERROR:
        from psycopg.errors import error_from_result

        raise error_from_result(result)
    return result


def _rows(result: PGresult) -> list[tuple[Any, ...]]:
    loaders = [LOADERS.get(result.ftype(column), bytes.decode) for column in range(result.nfields)]
    return [
        tuple(
            None if (value := result.get_value(row, column)) is None else load(value)
            for column, load in enumerate(loaders)
        )
        for row in range(result.ntuples)
    ]
