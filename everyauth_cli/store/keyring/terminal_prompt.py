"""A prompt for a password at the terminal, which a back end of the keyring library may show in a call."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

try:
    import termios
except ImportError:  # Windows
    termios = None  # type: ignore[assignment]

TERMINAL = "/dev/tty"
LOOK_SECONDS = 0.1
LOCAL_MODES = 3
"""The place of the local modes in what termios returns."""


class TerminalPrompt:
    """The terminal of this process, as it was before a call."""

    def __init__(self, terminal: int | None) -> None:
        self._terminal = terminal
        self._before = self._modes()

    def is_shown(self) -> bool:
        """Whether the call has turned the echo off, as a program does that reads a password."""
        now = self._modes()
        return self._before is not None and now is not None and _echoes(self._before) and not _echoes(now)

    def end(self) -> None:
        """Turn the echo on again, if the call has left it off."""
        if self._terminal is not None and self.is_shown():
            termios.tcsetattr(self._terminal, termios.TCSADRAIN, self._before)

    def _modes(self) -> Any:  # noqa: ANN401 - a list of several types
        if self._terminal is not None:
            with suppress(termios.error):
                return termios.tcgetattr(self._terminal)
        return None


@contextmanager
def _watched_terminal() -> Iterator[TerminalPrompt]:
    """Give the terminal around a call, which leaves it as it was, even if the call is given up."""
    try:
        terminal = os.open(TERMINAL, os.O_RDWR | os.O_NOCTTY) if termios else None
    except OSError:
        terminal = None
    try:
        prompt = TerminalPrompt(terminal)
        try:
            yield prompt
        finally:
            prompt.end()
    finally:
        if terminal is not None:
            os.close(terminal)


def run_beside_prompt(worker: threading.Thread, seconds: float, prompt_seconds: float) -> bool:
    """Run a thread for `seconds`, or for `prompt_seconds` once it asks for a password; return whether it asked.

    What follows a password may take long: keyrings.cryptfile makes a key of it.
    """
    was_asked = False
    with _watched_terminal() as prompt:
        worker.start()
        begun = time.monotonic()
        until = begun + seconds
        while worker.is_alive() and (left := until - time.monotonic()) > 0:
            worker.join(min(left, LOOK_SECONDS))
            if prompt.is_shown():
                was_asked = True
                until = begun + max(seconds, prompt_seconds)
    return was_asked


def _echoes(modes: list[Any]) -> bool:
    return bool(modes[LOCAL_MODES] & termios.ECHO)
