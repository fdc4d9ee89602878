"""The one answer that a login waits for, whichever way it comes: to the redirect server, or pasted at the terminal."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import ClassVar, Self

from everyauth_cli.errors import EveryAuthError, LoginTimedOut
from everyauth_cli.pages.result import Result, result_page

Query = Sequence[tuple[str, str]]

RESULT_SECONDS = 120.0
"""How long the browser waits for the result: the code is redeemed and stored before the page is shown."""

TURN_SECONDS = 0.1

PAGE_SECONDS = 3.0
"""How long the terminal waits for the page to reach the browser."""

UNDECIDED = Result(
    good=False,
    title="No result so far",
    text="The answer has come, but the terminal has not said yet how the login went.",
    next_step="Look at the terminal: it may be asking for something.",
)


class RedirectWaiter:
    """Waits for the answer to one login, which comes back to `redirect_uri`.

    Only what carries the login's own state ends the wait; a browser that brought it is kept waiting until `show`
    says how it went. On its own it listens nowhere: the answer is handed to `take`.
    """

    listens: ClassVar[bool] = False

    def __init__(self, redirect_uri: str) -> None:
        self.redirect_uri = redirect_uri
        self._is_answer: Callable[[Query], bool] = lambda _: False
        self._answer: Query | None = None
        self._failure: EveryAuthError | None = None
        self._ended = threading.Event()
        self._browser_waits = False
        self._result: Result | None = None
        self._decided = threading.Event()
        self._shown = threading.Event()
        self._guard = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is held."""

    @property
    def ended(self) -> bool:
        """Whether the wait is over, one way or the other."""
        return self._ended.is_set()

    def expect(self, is_answer: Callable[[Query], bool]) -> None:
        """From now on, take the answer that `is_answer` accepts."""
        self._is_answer = is_answer

    def take(self, query: Query, *, from_browser: bool = False) -> bool:
        """Take the answer if it is ours; whether it was. With `from_browser`, a page is going to tell the result."""
        if not self._is_answer(query):
            return False
        with self._guard:
            if self._answer is None:
                self._answer = query
            self._browser_waits |= from_browser
            self._ended.set()
        return True

    def give_up(self, error: EveryAuthError) -> None:
        """End the wait without an answer, unless there is one already."""
        with self._guard:
            self._failure = error
            self._ended.set()

    def wait(self, timeout: float) -> Query:
        """The query of the answer; raises `LoginTimedOut` after `timeout` seconds, or what `give_up` was given."""
        end = time.monotonic() + timeout
        # In short turns: an interrupt that comes just as a long wait begins would be seen at its end only.
        while not self._ended.wait(min(TURN_SECONDS, max(0.0, end - time.monotonic()))):
            if time.monotonic() >= end:
                raise LoginTimedOut(f"nobody finished the login within {timeout:g} s")
        if self._answer is None:
            assert self._failure is not None
            raise self._failure
        return self._answer

    def show(self, result: Result) -> None:
        """Show the result to the browser that brought the answer, if one did, and wait until it has it."""
        self._result = result
        self._decided.set()
        if self._browser_waits:
            self._shown.wait(PAGE_SECONDS)

    def result_page(self) -> str:
        """The page that says how the login went, as soon as that is known."""
        self._decided.wait(RESULT_SECONDS)
        return result_page(self._result or UNDECIDED)

    def page_sent(self) -> None:
        """The browser has its page."""
        self._shown.set()
