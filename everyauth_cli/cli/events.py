"""Events for programs that drive a login: with `--events`, stderr gets one JSON object a line, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from everyauth_cli.cli.streams import is_utf8
from everyauth_cli.cli.style import Mark, Style
from everyauth_cli.cli.terminal import Terminal
from everyauth_cli.errors import EveryAuthError, LoginFailed
from everyauth_cli.sanitize import json_text

OPTION = "--events"
INTERRUPTED = 130


class EventTerminal(Terminal):
    """A terminal whose stderr a program reads: it has no lines for people, and no questions."""

    @property
    def can_ask(self) -> bool:
        """Never: standard input is a program's."""
        return False

    @property
    def shows_progress(self) -> bool:
        """Never."""
        return False

    def event(self, name: str, **fields: object) -> None:
        """Write one event: `url`, `code`, `waiting`, `warning`, and in the end `done` or `failed`."""
        shown = json_text({"event": name, **fields}, indent=None, ascii_only=not is_utf8(self.stderr))
        self._say(f"{shown}\n")

    def instruct(self, line: str) -> None:
        """Leave out a line for people."""

    def show(self, text: str, *, style: Style) -> None:
        """Leave out text for people."""

    def suggest(self, command: str) -> None:
        """Leave out a command for people."""

    def trace(self) -> None:
        """Leave out the traceback."""

    def warn(self, text: str) -> None:
        """Write a warning as an event."""
        self.event("warning", message=text)

    def error(self, error: EveryAuthError) -> None:
        """Write the error that ends the command as an event."""
        self._failed(error, error.exit_code)

    def interrupted(self) -> None:
        """Write that the command was interrupted."""
        self._failed(LoginFailed("it was interrupted"), INTERRUPTED)

    def _failed(self, error: EveryAuthError, code: int) -> None:
        shown = {"code": error.code, "message": error.message, "hint": error.hint}
        self.event("failed", error=shown, exitCode=code)

    def _marked(self, mark: Mark, line: str, *, word: str) -> None:
        """Leave out a line for people."""


def terminal_for(
    line: Sequence[str], *, as_json: bool, quiet: bool = False, complete: Callable[[str], str] = str
) -> Terminal:
    """Return the terminal of a command line."""
    kind = EventTerminal if OPTION in line else Terminal
    return kind(as_json=as_json, quiet=quiet, complete=complete)
