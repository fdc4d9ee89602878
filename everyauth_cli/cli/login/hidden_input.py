"""Reads lines from the terminal without echo and of any length, and only while we are in its foreground."""

# prompt_toolkit 3.0.53 does not replace this: reading a paste of 70,000 characters without paste marks took 26 s, and
# the echo stayed on after `kill -TSTP` and `fg`, so the pasted code was shown.

from __future__ import annotations

import os
import select
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, TextIO

LONGEST_LINE = 64 * 1024
CHUNK = 4096
ENTER = b"\r\n"
ERASE = b"\x7f\x08"
KILL = 0x15
PASTE_MARKS = (b"\x1b[200~", b"\x1b[201~")
"""What some terminals put around a paste."""

Attributes = list[Any]
"""As `termios.tcgetattr` gives them."""

if sys.platform == "win32":
    LEAVING: tuple[signal.Signals, ...] = ()

    def can_hide(stream: TextIO) -> bool:  # noqa: ARG001
        """Whether a stream is a terminal that can be read hidden."""
        return False

    def _in_foreground(descriptor: int) -> bool:  # noqa: ARG001
        return False

    def _attributes(descriptor: int) -> Attributes | None:  # noqa: ARG001
        return None

    def _set_attributes(descriptor: int, attributes: Attributes) -> None:
        """Nothing was changed."""

    def _hidden(attributes: Attributes) -> Attributes | None:  # noqa: ARG001
        return None

else:
    import termios

    LEAVING = (signal.SIGTSTP, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)

    def can_hide(stream: TextIO) -> bool:
        """Whether a stream is our controlling terminal; at another one nobody says who is in the foreground."""
        try:
            os.tcgetpgrp(stream.fileno())
        except (OSError, ValueError):
            return False
        return True

    def _in_foreground(descriptor: int) -> bool:
        try:
            return os.tcgetpgrp(descriptor) == os.getpgrp()
        except OSError:
            return False

    def _attributes(descriptor: int) -> Attributes | None:
        try:
            return termios.tcgetattr(descriptor)
        except termios.error:
            return None

    def _set_attributes(descriptor: int, attributes: Attributes) -> None:
        with suppress(termios.error):
            # At once: waiting for the output would never end on a terminal that is stopped with Ctrl-S.
            termios.tcsetattr(descriptor, termios.TCSANOW, attributes)

    def _hidden(attributes: Attributes) -> Attributes | None:
        """The attributes without echo and without lines; None when they are so already. Signals stay."""
        if not attributes[3] & (termios.ICANON | termios.ECHO):
            return None
        hidden = [*attributes[:6], [*attributes[6]]]
        hidden[3] &= ~(termios.ICANON | termios.ECHO | termios.IEXTEN)
        # A read that comes too late finds nothing and returns.
        hidden[6][termios.VMIN] = hidden[6][termios.VTIME] = 0
        return hidden


class Line:
    """What was typed since the last Enter."""

    def __init__(self) -> None:
        self._typed = bytearray()

    def feed(self, data: bytes) -> Iterator[str | None]:
        """The lines that `data` ends; None for one that is longer than `LONGEST_LINE` bytes."""
        for byte in data:
            if byte in ENTER:
                yield self._end()
            elif byte in ERASE:
                del self._typed[-1:]
            elif byte == KILL:
                self._typed.clear()
            elif len(self._typed) <= LONGEST_LINE:
                self._typed.append(byte)

    def _end(self) -> str | None:
        typed = bytes(self._typed)
        self._typed.clear()
        if len(typed) > LONGEST_LINE:
            return None
        for mark in PASTE_MARKS:
            typed = typed.replace(mark, b"")
        return typed.decode(errors="replace")


class HiddenInput:
    """A terminal whose attributes are ours while we are in its foreground.

    A line that the terminal edits is cut at 4,095 bytes, so it hands over each byte as it comes. In the background
    it is neither read nor changed: either would stop the process.
    """

    def __init__(self, descriptor: int) -> None:
        self.closed = False
        self._descriptor = descriptor
        self._line = Line()
        self._before: Attributes | None = None
        self._guard = threading.RLock()
        # Who ignores a signal, as nohup does, goes on ignoring it.
        self._handled = [number for number in LEAVING if signal.getsignal(number) is signal.SIG_DFL]

    def open(self) -> None:
        """Turn the echo off, and take care that it is on again whatever ends or stops the process."""
        for number in self._handled:
            signal.signal(number, self._leave)
        self._take()

    def close(self) -> None:
        """Leave the terminal as it was."""
        with self._guard:
            self.closed = True
            self._give_back()
        for number in self._handled:
            signal.signal(number, signal.SIG_DFL)

    def lines(self, seconds: float) -> list[str | None]:
        """What was entered, waiting for at most `seconds`; None for a line that is too long."""
        if not self._take():
            time.sleep(seconds)
            return []
        ready, _, _ = select.select([self._descriptor], [], [], seconds)
        # Meanwhile the shell may have taken the terminal back.
        if not ready or not self._take():
            return []
        try:
            data = os.read(self._descriptor, CHUNK)
        except OSError:
            data = b""
        if not data:
            # A terminal that has gone is always ready to say so.
            time.sleep(seconds)
        return list(self._line.feed(data))

    def _take(self) -> bool:
        """Whether the terminal is ours to read; after a stop the shell has set it to its own liking."""
        with self._guard:
            if self.closed or not _in_foreground(self._descriptor):
                return False
            now = _attributes(self._descriptor)
            if now is not None and (hidden := _hidden(now)) is not None:
                # In this order: a signal that comes between the two lines must find what to put back.
                self._before = now
                _set_attributes(self._descriptor, hidden)
            return now is not None

    def _give_back(self) -> None:
        if self._before is not None and _in_foreground(self._descriptor):
            _set_attributes(self._descriptor, self._before)

    def _leave(self, number: int, _: FrameType | None) -> None:
        with self._guard:
            self._give_back()
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
            # Only a stop comes back here, when it is continued.
            signal.signal(number, self._leave)
            # At once, before anything is typed.
            self._take()


@contextmanager
def hidden_input(stream: TextIO) -> Iterator[HiddenInput]:
    """The terminal behind a stream without echo; call it from the main thread, which signals come to."""
    terminal = HiddenInput(stream.fileno())
    try:
        terminal.open()
        yield terminal
    finally:
        terminal.close()
