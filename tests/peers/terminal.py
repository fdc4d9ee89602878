"""Runs the command on a pseudo-terminal that is its controlling terminal."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import termios
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

SECONDS = 60.0
COLUMNS = 300

# A session leader that opens a terminal gets it as the controlling one, so the redirection does both.
SCRIPT = 'tty=$1; shift; exec "$@" <"$tty" >"$tty" 2>"$tty"'


class Terminal:
    """A terminal: its output so far, and its input."""

    def __init__(self, process: subprocess.Popen[bytes], descriptor: int) -> None:
        self.process = process
        self.shown = ""
        self._descriptor = descriptor

    def wait_for(self, text: str, *, since: int = 0) -> None:
        """Wait until a text is shown, after the first `since` characters."""
        end = time.monotonic() + SECONDS
        while text not in self.shown[since:]:
            assert self._read(end - time.monotonic()), f"{text!r} was not shown, but: {self.shown!r}"

    def type(self, text: str) -> None:
        data = text.encode()
        while data:
            data = data[os.write(self._descriptor, data) :]

    @property
    def attributes(self) -> list[object]:
        """The terminal's modes: `termios.tcgetattr`."""
        return termios.tcgetattr(self._descriptor)

    @property
    def foreground(self) -> int:
        """The foreground process group of the terminal."""
        return os.tcgetpgrp(self._descriptor)

    def end(self) -> int:
        """Wait until the command has ended and its output is read, and return the exit code."""
        end = time.monotonic() + SECONDS
        while self._read(end - time.monotonic()):
            pass
        return self.process.wait(SECONDS)

    def _read(self, seconds: float) -> bool:
        ready, _, _ = select.select([self._descriptor], [], [], max(seconds, 0))
        try:
            data = os.read(self._descriptor, 4096) if ready else b""
        except OSError:
            # Linux raises this when the other end is closed.
            data = b""
        self.shown += data.decode().replace("\r\n", "\n")
        return bool(data)


@contextmanager
def terminal(argv: Sequence[str], env: Mapping[str, str], *, columns: int = COLUMNS) -> Iterator[Terminal]:
    """Start a command in its home, on a terminal of its own, and kill it at the end if it still runs."""
    ours, theirs = pty.openpty()
    # Wide enough that no sentence breaks in the middle of what a test waits for.
    termios.tcsetwinsize(ours, (50, columns))
    name = os.ttyname(theirs)
    command = ["/bin/sh", "-c", SCRIPT, "sh", name, *argv]
    # In the checkout, `python -m` would run the package there and not the installed one.
    with subprocess.Popen(command, cwd=env["HOME"], env=env, start_new_session=True) as process:
        try:
            # If only our end were open, it would hang up before the command opens its end.
            shown = Terminal(process, ours)
            _close_when_opened(process, theirs, name)
            yield shown
        finally:
            process.kill()
            os.close(ours)


def _close_when_opened(process: subprocess.Popen[bytes], descriptor: int, name: str) -> None:
    end = time.monotonic() + SECONDS
    while time.monotonic() < end and process.poll() is None:
        try:
            if str(Path(f"/proc/{process.pid}/fd/2").readlink()) == name:
                break
        except OSError:
            pass
        time.sleep(0.005)
    os.close(descriptor)
