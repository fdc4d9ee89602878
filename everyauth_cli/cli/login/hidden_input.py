"""Reads lines from the terminal without echo and of any length, and only in its foreground."""

# prompt_toolkit 3.0.53 does not replace this: reading a paste of 70,000 characters without paste marks took 26 s, and
# the echo stayed on after `kill -TSTP` and `fg`, so the pasted code was shown.

from __future__ import annotations

import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, TextIO

MAX_LINE_BYTES = 64 * 1024
CHUNK = 4096
JOIN_SECONDS = 1.0
ENTER = b"\r\n"
ERASE = b"\x7f\x08"
KILL = 0x15
PASTE_MARKS = (b"\x1b[200~", b"\x1b[201~")
"""The sequences that some terminals put around a paste (bracketed paste)."""

Attributes = list[Any]
"""The attributes of a terminal, as `termios.tcgetattr` returns them."""

if sys.platform == "win32":
    STOPPING_SIGNALS: tuple[signal.Signals, ...] = ()

    def can_hide(stream: TextIO) -> bool:  # noqa: ARG001
        """Whether a stream is a terminal that can be read hidden."""
        return False

    def _in_foreground(descriptor: int) -> bool:  # noqa: ARG001
        return False

    def _attributes(descriptor: int) -> Attributes | None:  # noqa: ARG001
        return None

    def _set_attributes(descriptor: int, attributes: Attributes) -> None:
        """Change nothing."""

    def _without_echo(attributes: Attributes) -> Attributes | None:  # noqa: ARG001
        return None

else:
    import termios

    STOPPING_SIGNALS = (signal.SIGTSTP, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)

    def can_hide(stream: TextIO) -> bool:
        """Whether a stream is our controlling terminal; only of that one the foreground process group is known."""
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
            # TCSANOW: waiting for pending output would never end on a terminal that is stopped with Ctrl-S.
            termios.tcsetattr(descriptor, termios.TCSANOW, attributes)

    def _without_echo(attributes: Attributes) -> Attributes | None:
        """Return the attributes without echo and line editing; None if they are so already. Signal keys stay active."""
        if not attributes[3] & (termios.ICANON | termios.ECHO):
            return None
        hidden = [*attributes[:6], [*attributes[6]]]
        hidden[3] &= ~(termios.ICANON | termios.ECHO | termios.IEXTEN)
        # With both at 0 a read returns at once if there is nothing to read.
        hidden[6][termios.VMIN] = hidden[6][termios.VTIME] = 0
        return hidden


class Line:
    """The bytes typed since the last Enter."""

    def __init__(self) -> None:
        self._typed = bytearray()

    def feed(self, data: bytes) -> Iterator[str | None]:
        """Yield the lines that `data` completes; None for one longer than `MAX_LINE_BYTES`."""
        for byte in data:
            if byte in ENTER:
                yield self._end()
            elif byte in ERASE:
                del self._typed[-1:]
            elif byte == KILL:
                self._typed.clear()
            elif len(self._typed) <= MAX_LINE_BYTES:
                self._typed.append(byte)

    def _end(self) -> str | None:
        typed = bytes(self._typed)
        self._typed.clear()
        if len(typed) > MAX_LINE_BYTES:
            return None
        for mark in PASTE_MARKS:
            typed = typed.replace(mark, b"")
        return typed.decode(errors="replace")


class HiddenInput:
    """A terminal without echo and line editing while we are in its foreground.

    A terminal cuts the lines that it edits at 4,095 bytes, so each byte is read as it comes. In the background the
    terminal is neither read nor changed: either would stop the process.
    """

    def __init__(self, descriptor: int) -> None:
        self.closed = False
        self._descriptor = descriptor
        self._line = Line()
        self._before: Attributes | None = None
        self._guard = threading.RLock()
        # A signal that is ignored, as under nohup, stays ignored.
        self._handled = [number for number in STOPPING_SIGNALS if signal.getsignal(number) is signal.SIG_DFL]

    def open(self) -> None:
        """Turn the echo off, and have it restored by every signal that ends or stops the process."""
        for number in self._handled:
            signal.signal(number, self._restore_and_raise)
        self._take()

    def close(self) -> None:
        """Restore the terminal."""
        with self._guard:
            self.closed = True
            self._restore()
        for number in self._handled:
            signal.signal(number, signal.SIG_DFL)

    def lines(self, seconds: float) -> list[str | None]:
        """Return the lines that were entered within `seconds`; None for a line that is too long."""
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
            # A closed terminal is always readable, and would keep this loop busy.
            time.sleep(seconds)
        return list(self._line.feed(data))

    def _take(self) -> bool:
        """Whether the terminal is ours to read; sets its attributes again, since a shell resets them after a stop."""
        with self._guard:
            if self.closed or not _in_foreground(self._descriptor):
                return False
            now = _attributes(self._descriptor)
            if now is not None and (hidden := _without_echo(now)) is not None:
                # In this order: a signal between the two lines must find the attributes to restore.
                self._before = now
                _set_attributes(self._descriptor, hidden)
            return now is not None

    def _restore(self) -> None:
        if self._before is not None and _in_foreground(self._descriptor):
            _set_attributes(self._descriptor, self._before)

    def _restore_and_raise(self, number: int, _: FrameType | None) -> None:
        with self._guard:
            self._restore()
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
            # Only a stopped process returns here, when it is continued.
            signal.signal(number, self._restore_and_raise)
            # Now, before anything is typed and shown.
            self._take()


@contextmanager
def hidden_input(stream: TextIO) -> Iterator[HiddenInput]:
    """Yield the terminal of a stream without echo; only for the main thread, which handles signals."""
    terminal = HiddenInput(stream.fileno())
    try:
        terminal.open()
        yield terminal
    finally:
        terminal.close()


@contextmanager
def reading_hidden(stream: TextIO, read: Callable[[HiddenInput], None]) -> Iterator[None]:
    """While the block runs, have a thread `read` the terminal of a stream without echo, until it is closed."""
    with hidden_input(stream) as hidden:
        thread = threading.Thread(target=read, args=(hidden,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            hidden.close()
            thread.join(JOIN_SECONDS)
