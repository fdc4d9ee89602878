"""Takes the redirect URL at the terminal while a login waits, so that the browser may be on any machine."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from everyauth_cli.cli.login.hidden_input import HiddenInput, can_hide, hidden_input
from everyauth_cli.cli.terminal import Terminal
from everyauth_cli.redirect.pasted_url import NotTheAnswer, read_redirect_url
from everyauth_cli.redirect.waiter import TURN_SECONDS, RedirectWaiter

TOO_LONG = "That is longer than any address (64 KiB); nothing was taken. Paste the address alone."
OTHER_LOGIN = "That is the end of another login, or it was cut: its state is not this login's. Paste this login's."

END_SECONDS = 1.0


def can_paste(terminal: Terminal) -> bool:
    """Whether somebody is there who could paste."""
    return terminal.can_ask and can_hide(terminal.stdin)


@contextmanager
def pasting(terminal: Terminal, arrival: RedirectWaiter, *, authorization_url: str) -> Iterator[None]:
    """Meanwhile, hand over the answer that is pasted; whatever else is pasted is explained and asked for again."""
    with hidden_input(terminal.stdin) as typed:
        desk = Desk(terminal, arrival, authorization_url=authorization_url)
        reader = threading.Thread(target=desk.read, args=(typed,), daemon=True)
        reader.start()
        try:
            yield
        finally:
            typed.close()
            reader.join(END_SECONDS)


class Desk:
    """Where pasted texts are looked at."""

    def __init__(self, terminal: Terminal, arrival: RedirectWaiter, *, authorization_url: str) -> None:
        self._terminal = terminal
        self._arrival = arrival
        self._authorization_url = authorization_url

    def read(self, typed: HiddenInput) -> None:
        """Look at each line until the wait is over."""
        while not (typed.closed or self._arrival.ended):
            if any(self._takes(line) for line in typed.lines(TURN_SECONDS)):
                return

    def _takes(self, line: str | None) -> bool:
        wrong = TOO_LONG if line is None else self._hand_over(line)
        if wrong is None:
            self._terminal.note("Got it.")
        elif wrong:
            self._terminal.note(wrong)
        return wrong is None

    def _hand_over(self, line: str) -> str | None:
        """What is wrong with a line, in words, and none for an empty one; None when it was the answer."""
        if not line.strip():
            return ""
        try:
            query = read_redirect_url(
                line, redirect_uri=self._arrival.redirect_uri, authorization_url=self._authorization_url
            )
        except NotTheAnswer as error:
            return str(error)
        return None if self._arrival.take(query) else OTHER_LOGIN
