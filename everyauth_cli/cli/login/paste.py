"""Takes the redirect URL at the terminal while a login waits, so that the browser may be on any machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from everyauth_cli.cli.login.hidden_input import HiddenInput, can_hide, reading_hidden
from everyauth_cli.cli.terminal import Terminal
from everyauth_cli.redirect.pasted_url import InvalidPaste, read_redirect_url
from everyauth_cli.redirect.waiter import POLL_SECONDS, RedirectWaiter

TOO_LONG = "That is longer than any URL (64 KiB) and was ignored. Paste only the URL."
OTHER_LOGIN = "That URL belongs to another login, or it is incomplete: its state differs. Paste the URL of this login."


def can_paste(terminal: Terminal) -> bool:
    """Whether a user at the terminal can paste a URL."""
    return terminal.can_ask and can_hide(terminal.stdin)


@contextmanager
def pasting(
    terminal: Terminal, waiter: RedirectWaiter, *, authorization_url: str, on_enter: Callable[[], None]
) -> Iterator[None]:
    """While the block runs, hand a pasted authorization response to the waiter, and explain any other paste.

    `on_enter` is called for a line without text.
    """
    reader = PasteReader(terminal, waiter, authorization_url=authorization_url, on_enter=on_enter)
    with reading_hidden(terminal.stdin, reader.read):
        yield


class PasteReader:
    """Reads pasted lines until one of them is the login's authorization response."""

    def __init__(
        self, terminal: Terminal, waiter: RedirectWaiter, *, authorization_url: str, on_enter: Callable[[], None]
    ) -> None:
        self._terminal = terminal
        self._waiter = waiter
        self._authorization_url = authorization_url
        self._on_enter = on_enter

    def read(self, hidden: HiddenInput) -> None:
        """Read lines until the wait is over."""
        while not (hidden.closed or self._waiter.ended):
            if any(self._takes(line) for line in hidden.lines(POLL_SECONDS)):
                return

    def _takes(self, line: str | None) -> bool:
        problem = TOO_LONG if line is None else self._hand_over(line)
        if problem is None:
            self._terminal.info("Got it.")
        elif problem:
            self._terminal.instruct(problem)
        else:
            self._on_enter()
        return problem is None

    def _hand_over(self, line: str) -> str | None:
        """Hand a line to the waiter; return None if it was the response, else the problem, "" for an empty line."""
        if not line.strip():
            return ""
        try:
            query = read_redirect_url(
                line, redirect_uri=self._waiter.redirect_uri, authorization_url=self._authorization_url
            )
        except InvalidPaste as error:
            return str(error)
        return None if self._waiter.take(query) else OTHER_LOGIN
