"""The streams: data on stdout, everything else on stderr, questions on the terminal."""

from __future__ import annotations

import functools
import io
import json
import re
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TextIO

from everyauth_cli.cli.style import Mark, Paint, Style, paint_for
from everyauth_cli.cli.table import draw_table
from everyauth_cli.errors import EveryAuthError, UsageProblem
from everyauth_cli.model import Secret

LONE_SURROGATE = re.compile("[\ud800-\udfff]")
MOST_IN_MEMORY = 1_000_000


class Terminal:
    """The three streams of a command; with `as_json`, data and errors are JSON.

    With `quiet`, stderr gets only warnings, errors, questions, and what a person has to act on.
    """

    def __init__(
        self,
        *,
        as_json: bool = False,
        quiet: bool = False,
        stdin: TextIO | None = None,
        stdout: TextIO | None = None,
        stderr: TextIO | None = None,
    ) -> None:
        self.as_json = as_json
        self.quiet = quiet
        self.stdin = stdin or sys.stdin
        # A stream that was closed before we began is None; what is written to it is dropped.
        self.stdout = stdout or sys.stdout or io.StringIO()
        self.stderr = stderr or sys.stderr

    @property
    def can_ask(self) -> bool:
        """Whether a person can read a question and type a reply."""
        # A stream that was closed before we began is None.
        return all(stream is not None and stream.isatty() for stream in (self.stdin, self.stderr))

    def data(self, text: str) -> None:
        """Print a line of data."""
        print(text, file=self.stdout)

    def json(self, value: Any) -> None:  # noqa: ANN401 - JSON
        """Print data as JSON."""
        print(_json(value), file=self.stdout)

    @functools.cached_property
    def paint(self) -> Paint:
        """Styles what is written to stdout."""
        return paint_for(self.stdout)

    def prose(self, text: str) -> None:
        """Print sentences as data; on a terminal they break between words."""
        self.data(fitted(text, shutil.get_terminal_size().columns) if self.stdout.isatty() else text)

    def command(self, command: str) -> None:
        """Print a command to type next, on a line of its own, among data."""
        self.data(f"  {self.paint(Style.command, command)}")

    def info(self, text: str) -> None:
        """Print on stderr what is good to know; on a terminal it breaks between words."""
        if not self.quiet:
            self.instruct(text)

    def instruct(self, text: str) -> None:
        """Print on stderr what a person has to act on."""
        print(self._fitted(text), file=self.stderr, flush=True)

    def done(self, text: str, *, next_command: str = "") -> None:
        """Print on stderr that something succeeded, and the command to type next."""
        if self.quiet:
            return
        self._marked(Mark.done, text, word="")
        if next_command:
            self.suggest(next_command)

    def warn(self, text: str) -> None:
        """Print a warning on stderr."""
        self._marked(Mark.attention, text, word="warning: ")

    def suggest(self, command: str) -> None:
        """Print a command to type next on stderr, on a line of its own, which is never broken."""
        print(f"  {self._paint_talk(Style.command, command)}", file=self.stderr, flush=True)

    def error(self, error: EveryAuthError) -> None:
        """Print an error and its hint on stderr; with `as_json`, as one line of JSON."""
        if self.as_json:
            shown = {"code": error.code, "message": error.message, "hint": error.hint}
            self.instruct(json.dumps({"error": shown}, ensure_ascii=False))
            return
        self._marked(Mark.failed, error.message, word="error: ")
        if not error.hint:
            return
        advice, command = split_hint(error.hint)
        if not self._is_terminal:
            self.instruct(f"  try: {error.hint}")
        elif command:
            if advice:
                self.instruct(f"  {advice}:")
            self.suggest(command)
        else:
            self.instruct(f"  {advice}")

    @functools.cached_property
    def _is_terminal(self) -> bool:
        return self.stderr is not None and self.stderr.isatty()

    @functools.cached_property
    def _paint_talk(self) -> Paint:
        return paint_for(self.stderr)

    def _marked(self, mark: Mark, text: str, *, word: str) -> None:
        """Print a line with its mark on a terminal, and with its word elsewhere."""
        if self._is_terminal:
            fitted = self._fitted(f"{mark} {text}")
            print(fitted.replace(mark, self._paint_talk(mark.style, mark), 1), file=self.stderr, flush=True)
        else:
            self.instruct(f"{word}{text}")

    def _fitted(self, text: str) -> str:
        """Break a text between words to fit the terminal; its own lines stay, and no word is broken."""
        if not self._is_terminal:
            return text
        return fitted(text, shutil.get_terminal_size().columns)

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
                spool.write(textwrap.indent(_json(item), "    "))
                count += 1
            spool.write('\n  ],\n  "next": null\n}\n' if count else '{\n  "items": [],\n  "next": null\n}\n')
            spool.seek(0)
            while text := spool.read(1 << 16):
                self.stdout.write(text)
        return count

    def rows(self, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> int:
        """Print a list as a table on a terminal, as lines with tabs in a pipe; returns the number of rows.

        In a pipe each row is printed as it comes, so that memory stays flat; a row that cannot be read ends the list.
        """
        if self.stdout.isatty():
            known = [*rows]
            draw_table(self.stdout, columns, known)
            return len(known)
        count = 0
        for row in rows:
            self.stdout.write("\t".join(row) + "\n")
            count += 1
        return count

    def marked(
        self, columns: Sequence[str], rows: Sequence[Sequence[str]], marks: Sequence[Mark], *, extra: Sequence[str] = ()
    ) -> None:
        """Print rows with their marks as a table on a terminal, without the extra columns that do not fit."""
        if self.stdout.isatty():
            draw_table(self.stdout, columns, rows, marks=marks, extra=extra)
        else:
            self.rows(columns, rows)

    @contextmanager
    def progress(self, label: str, total: int | None = None) -> Iterator[Callable[[], None]]:
        """Show a progress bar on a terminal while the block runs; each call of the function it gives is one step.

        Without a total it shows the number of steps alone.
        """
        if self.quiet or self.stderr is None or not self.stderr.isatty():
            yield lambda: None
            return
        from rich.console import Console
        from rich.progress import MofNCompleteColumn, Progress

        columns = [] if total is not None else [*Progress.get_default_columns()[:2], MofNCompleteColumn()]
        with Progress(*columns, console=Console(file=self.stderr), transient=True) as bar:
            task = bar.add_task(label, total=total)
            yield lambda: bar.advance(task)

    def ask(self, question: str) -> str:
        """Ask for a line of text; raises `UsageProblem` when it is empty."""
        print(f"{question}: ", end="", file=self.stderr, flush=True)
        text = self.stdin.readline().strip()
        if not text:
            raise UsageProblem(f"no text was typed for: {question}")
        return text

    def ask_secret(self, question: str) -> Secret[str]:
        """Ask for a secret without echo; where this is not a terminal, read all of standard input.

        One newline at its end is dropped. Raises `UsageProblem` when it is empty.
        """
        if self.can_ask:
            import getpass

            text = getpass.getpass(f"{question}: ", stream=self.stderr)
        else:
            text = self.stdin.read().removesuffix("\n").removesuffix("\r")
        if not text:
            raise UsageProblem(f"standard input has no {question}", hint='printf %s "$SECRET" | everyauth ...')
        return Secret(text)

    def confirm(self, question: str) -> bool:
        """Ask for a yes; raises `UsageProblem` where this is not a terminal."""
        if not self.can_ask:
            raise UsageProblem("confirmation needed, but this is not a terminal", hint="pass --yes")
        print(f"{question} [y/N] ", end="", file=self.stderr, flush=True)
        return self.stdin.readline().strip().lower() in ("y", "yes")


def split_hint(hint: str) -> tuple[str, str]:
    """Split a hint into its advice and the command at its end; either may be missing."""
    match = re.fullmatch(r"(?:(.{1,1000}): )?(everyauth .{1,4000})", hint)
    return (match[1] or "", match[2]) if match else (hint, "")


def fitted(text: str, columns: int) -> str:
    """Break a text between words to fit so many columns; its own lines and their indentation stay."""
    return "\n".join(part for line in text.split("\n") for part in _lines(line, columns))


def _lines(line: str, columns: int) -> list[str]:
    indent = " " * (len(line) - len(line.lstrip(" ")))
    more = indent + "  " if line.lstrip(" ")[:2] in {f"{mark} " for mark in Mark} else indent
    return textwrap.wrap(
        line,
        max(columns, len(more) + 1),
        subsequent_indent=more,
        break_long_words=False,
        break_on_hyphens=False,
        drop_whitespace=True,
    ) or [""]


def _json(value: Any) -> str:  # noqa: ANN401 - JSON
    text = json.dumps(value, indent=2, ensure_ascii=False)
    # JSON may hold half a character, which no stream takes as it is.
    return json.dumps(value, indent=2) if LONE_SURROGATE.search(text) else text
