"""Waits for the authorization response of a login, from the redirect server or pasted at the terminal."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from everyauth_cli.errors import EveryAuthError, LoginTimedOut
from everyauth_cli.pages.result import Result, result_page

Query = Sequence[tuple[str, str]]
"""The parameters of an authorization response, in order."""

RESULT_SECONDS = 120.0
"""The browser waits so long for its page, which is sent after the code is redeemed and the token stored."""

POLL_SECONDS = 0.1

PAGE_SECONDS = 3.0
"""The terminal waits so long until the browser has the page."""

UNDECIDED = Result(
    good=False,
    title="No result yet",
    text="The response of the service has arrived, but the login is not finished.",
    next_step="Look at the terminal: it may be asking a question.",
)


class RedirectWaiter:
    """Waits for the authorization response of one login, which is sent to `redirect_uri`.

    Only a response with the login's own state ends the wait. A browser that brings it waits for its page until `show`
    is given the result. This class listens nowhere: the response is handed to `take`.
    """

    def __init__(self, redirect_uri: str) -> None:
        self.redirect_uri = redirect_uri
        self.listens = False
        self._is_response: Callable[[Query], bool] = lambda _: False
        self._may_show: Callable[[Query], bool] = lambda _: True
        self._response: Query | None = None
        self._error: EveryAuthError | None = None
        self._ended = threading.Event()
        self._browser_waits = False
        self._result: Result | None = None
        self._decided = threading.Event()
        self._shown = threading.Event()
        self._linger = 0.0
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Release nothing: without a server there is nothing to close."""

    @property
    def ended(self) -> bool:
        """Whether there is a response, or the wait has failed."""
        return self._ended.is_set()

    def start_page(self, authorization_url: str) -> str:
        """Return the URL to open in a browser: without a server, the authorization URL itself."""
        return authorization_url

    def expect(
        self, is_response: Callable[[Query], bool], *, may_show: Callable[[Query], bool] = lambda _: True
    ) -> None:
        """From now on take the response that `is_response` accepts; of any other, show only what `may_show` accepts."""
        self._is_response, self._may_show = is_response, may_show

    def is_response(self, query: Query) -> bool:
        """Whether this is the response that the login waits for."""
        return self._is_response(query)

    def take(self, query: Query, *, from_browser: bool = False) -> bool:
        """Take the response if it is this login's, and return whether it is.

        With `from_browser`, the browser then waits for the page with the result.
        """
        if not self.is_response(query):
            return False
        with self._lock:
            if self._response is None:
                self._response = query
            self._browser_waits |= from_browser
            self._ended.set()
        return True

    def fail(self, error: EveryAuthError) -> None:
        """End the wait with an error, unless there is a response already."""
        with self._lock:
            self._error = error
            self._ended.set()

    def wait(self, timeout: float) -> Query:
        """Return the response; raises `LoginTimedOut` after `timeout` seconds, or the error that `fail` was given."""
        end = time.monotonic() + timeout
        # In short waits: an interrupt that comes just as a long one begins would be noticed only at its end.
        while not self._ended.wait(min(POLL_SECONDS, max(0.0, end - time.monotonic()))):
            if time.monotonic() >= end:
                raise LoginTimedOut(
                    f"the login was not finished within {timeout:g} s; if the service shows an error, "
                    f"the redirect URI registered there is probably not {self.redirect_uri}"
                )
        if self._response is None:
            assert self._error is not None
            raise self._error
        return self._response

    def show(self, result: Result) -> None:
        """Show the result to the browser that brought the response, if one did, and wait until it has the page."""
        self._result = result
        self._decided.set()
        if self._browser_waits:
            self._shown.wait(PAGE_SECONDS)

    def result_page(self) -> str:
        """Return the page with the result, as soon as there is one."""
        self._decided.wait(RESULT_SECONDS)
        return result_page(self._result or UNDECIDED)

    def page_sent(self, *, linger: float) -> None:
        """Note that the browser has its page, and for how many seconds another one may come for it."""
        self._linger = linger
        self._shown.set()
