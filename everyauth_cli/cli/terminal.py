"""The streams: data on stdout, everything else on stderr, questions on the terminal; nothing invisible on any."""

from __future__ import annotations

import codecs
import os
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, TextIO

from everyauth_cli.errors import EveryAuthError, UsageProblem
from everyauth_cli.model import Secret
from everyauth_cli.sanitize import json_text, visible, visible_lines

MOST_IN_MEMORY = 1_000_000
UNBROKEN = 20
"""Single words up to so many characters are never broken over lines."""


class Terminal:
    """The three streams of a command; with `as_json`, data and errors are JSON.

    Whatever it shows, of a service, a user, a file or an environment, has escapes for what is not visible.
    """

    def __init__(
        self,
        *,
        as_json: bool = False,
        stdin: TextIO | None = None,
        stdout: TextIO | None = None,
        stderr: TextIO | None = None,
    ) -> None:
        self.as_json = as_json
        self.stdin = stdin or sys.stdin
        self.stdout = stdout or sys.stdout
        self.stderr = stderr or sys.stderr

    @property
    def can_ask(self) -> bool:
        """Whether a person can read a question and type a reply."""
        return self.stdin.isatty() and self.stderr.isatty()

    def data(self, line: str) -> None:
        """Print a line of data."""
        self._print(visible(line) + "\n")

    def text(self, text: str) -> None:
        """Print data of several lines."""
        self._print(visible_lines(text) + "\n")

    def json(self, value: Any) -> None:  # noqa: ANN401 - JSON
        """Print data as JSON."""
        self._print(self._json(value) + "\n")

    def info(self, line: str) -> None:
        """Print a line on stderr."""
        self._say(visible(line) + "\n")

    def warn(self, line: str) -> None:
        """Print a warning on stderr."""
        self.info(f"warning: {line}")

    def error(self, error: EveryAuthError) -> None:
        """Print an error and its hint on stderr; with `as_json`, as one line of JSON."""
        if self.as_json:
            shown = {"code": error.code, "message": error.message, "hint": error.hint}
            self._say(json_text({"error": shown}, indent=None, ascii_only=not _is_utf8(self.stderr)) + "\n")
            return
        first, *more = error.message.split("\n")
        self.info(f"error: {first}")
        for line in more:
            # Indented, so that no text of others can look like a message of ours.
            self.info(f"  {line.lstrip()}")
        if error.hint:
            self.info(f"  try: {error.hint}")

    def trace(self) -> None:
        """Print the traceback of the exception that is being handled, which shows code and never values."""
        import traceback

        self._say(visible_lines(traceback.format_exc()))

    def list(self, columns: Sequence[str], rows: Sequence[Sequence[str]], items: Sequence[Mapping[str, Any]]) -> None:
        """Print a list, as rows or as JSON."""
        if self.as_json:
            self.items(items)
        else:
            self.rows(columns, rows)

    def items(self, items: Iterable[Mapping[str, Any]]) -> int:
        """Print a list as JSON, `{"items", "next"}`; returns how many items there are.

        Nothing is printed where one of them cannot be read; until then they lie in a file, so that memory stays flat.
        """
        import tempfile  # takes as long as all of this module

        with tempfile.SpooledTemporaryFile(MOST_IN_MEMORY, "w+", encoding="utf-8", newline="") as spool:
            count = 0
            for item in items:
                spool.write(",\n" if count else '{\n  "items": [\n')
                spool.write(textwrap.indent(self._json(item), "    "))
                count += 1
            spool.write('\n  ],\n  "next": null\n}\n' if count else '{\n  "items": [],\n  "next": null\n}\n')
            spool.seek(0)
            while text := spool.read(1 << 16):
                self._print(text)
        return count

    def rows(self, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> int:
        """Print a list as a table on a terminal, as lines with tabs in a pipe; returns the number of rows.

        In a pipe each row is printed as it comes, so that memory stays flat; a row that cannot be read ends the list.
        """
        if self.stdout.isatty():
            known = [*rows]
            self._table(columns, known)
            return len(known)
        count = 0
        for row in rows:
            self._print("\t".join(map(visible, row)) + "\n")
            count += 1
        return count

    @contextmanager
    def progress(self, label: str, total: int) -> Iterator[Callable[[], None]]:
        """Show a progress bar on a terminal while the block runs; each call of the function it gives is one step."""
        if not self.stderr.isatty():
            yield lambda: None
            return
        from rich.console import Console
        from rich.progress import Progress

        with Progress(console=Console(file=self.stderr), transient=True) as bar:
            task = bar.add_task(label, total=total)
            yield lambda: bar.advance(task)

    def ask(self, question: str) -> str:
        """Ask for a line of text; raises `UsageProblem` when it is empty."""
        self._say(f"{visible(question)}: ")
        text = self._typed(self.stdin.readline).strip()
        if not text:
            raise UsageProblem(f"no text was typed for: {question}")
        return text

    def ask_secret(self, question: str) -> Secret[str]:
        """Ask for a secret without echo; where this is not a terminal, read all of standard input.

        One newline at its end is dropped. Raises `UsageProblem` when it is empty.
        """
        if self.can_ask:
            import getpass

            text = getpass.getpass(f"{visible(question)}: ", stream=self.stderr)
        else:
            # PowerShell puts a byte order mark before what it pipes.
            text = self._typed(self.stdin.read).removeprefix("\ufeff").removesuffix("\n").removesuffix("\r")
        if not text:
            raise UsageProblem(f"standard input has no {question}", hint='printf %s "$SECRET" | everyauth ...')
        return Secret(text)

    def confirm(self, question: str) -> bool:
        """Ask for a yes; raises `UsageProblem` where this is not a terminal."""
        if not self.can_ask:
            raise UsageProblem("confirmation needed, but this is not a terminal", hint="pass --yes")
        self._say(f"{visible(question)} [y/N] ")
        return self._typed(self.stdin.readline).strip().lower() in ("y", "yes")

    def finish(self, code: int) -> int:
        """Write what is left for stdout, and return the exit code, which is not 0 where it cannot be written."""
        try:
            self.stdout.flush()
        except OSError as error:
            if not code:
                return self.cannot_write(error)
            _drop(self.stdout)
        return code

    def cannot_write(self, error: OSError) -> int:
        """Say that stdout cannot be written, and return the exit code."""
        _drop(self.stdout)
        # A reader who has closed the pipe does not want the rest.
        if not isinstance(error, BrokenPipeError):
            self.error(_unwritten(error))
        return EveryAuthError.exit_code

    def _table(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Draw a table without its empty columns."""
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        shown = [at for at in range(len(columns)) if any(row[at] for row in rows) or not rows]
        table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
        for at in shown:
            # A name or an id is typed again in the next command: it stays in one piece.
            whole = all(" " not in row[at] and len(row[at]) <= UNBROKEN for row in rows)
            table.add_column(columns[at], overflow="fold", no_wrap=whole)
        for row in rows:
            table.add_row(*(Text(visible(row[at])) for at in shown))
        Console(file=self.stdout).print(table)

    def _json(self, value: Any) -> str:  # noqa: ANN401 - JSON
        return json_text(value, ascii_only=not _is_utf8(self.stdout))

    def _print(self, text: str) -> None:
        try:
            self.stdout.write(text)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise _unwritten(error) from None

    def _say(self, text: str) -> None:
        """Write to stderr; the command goes on where that cannot be written."""
        try:
            self.stderr.write(text)
            self.stderr.flush()
        except OSError:
            _drop(self.stderr)

    def _typed(self, read: Callable[[], str]) -> str:
        """Read text from standard input; raises `UsageProblem` when it is not UTF-8."""
        problem = UsageProblem("standard input has bytes that are not text", hint="send it as UTF-8")
        try:
            text = read()
            text.encode()
        except UnicodeError:
            raise problem from None
        return text


def prepare_streams() -> None:
    """Let the process's output write an escape for a character that its encoding does not have."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError):
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]


def _is_utf8(stream: TextIO) -> bool:
    """Whether a stream writes UTF-8, which JSON is (RFC 8259 section 8.1); what is no file takes any text."""
    return not stream.encoding or codecs.lookup(stream.encoding).name == "utf-8"


def _unwritten(error: OSError) -> EveryAuthError:
    why = error.strerror or type(error).__name__
    return EveryAuthError(f"cannot write to standard output: {why}", hint="send it to another file or disk")


def _drop(stream: TextIO) -> None:
    """Send what is left in a stream's buffer to nowhere; Python would try again at exit, and complain."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
