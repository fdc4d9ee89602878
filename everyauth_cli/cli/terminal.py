"""The streams: data to stdout, talk to stderr, questions on the terminal."""

from __future__ import annotations

import io
import json
import re
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TextIO

from everyauth_cli.errors import EveryAuthError, UsageProblem
from everyauth_cli.model import Secret

LONE_SURROGATE = re.compile("[\ud800-\udfff]")
MOST_IN_MEMORY = 1_000_000
UNBROKEN = 20
"""Single words up to so many characters are never broken over lines."""


class Terminal:
    """Where a command shows and asks; with `as_json`, data and errors are JSON."""

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
        # It is None where it was closed before we began: nobody is there to be told anything.
        self.stdout = stdout or sys.stdout or io.StringIO()
        self.stderr = stderr or sys.stderr

    @property
    def can_ask(self) -> bool:
        """Whether somebody is there to answer a question."""
        # A stream that was closed before we began is None.
        return all(stream is not None and stream.isatty() for stream in (self.stdin, self.stderr))

    def data(self, text: str) -> None:
        """Print a line of data."""
        print(text, file=self.stdout)

    def json(self, value: Any) -> None:  # noqa: ANN401 - JSON
        """Print data as JSON."""
        print(_json(value), file=self.stdout)

    def note(self, text: str) -> None:
        """Say something beside the data."""
        print(text, file=self.stderr, flush=True)

    def warn(self, text: str) -> None:
        """Say something that ought not to be overlooked."""
        self.note(f"warning: {text}")

    def error(self, error: EveryAuthError) -> None:
        """Show an error and what to do about it; with JSON, as one line."""
        if self.as_json:
            said = {"code": error.code, "message": error.message, "hint": error.hint}
            self.note(json.dumps({"error": said}, ensure_ascii=False))
            return
        self.note(f"error: {error.message}")
        if error.hint:
            self.note(f"  try: {error.hint}")

    def list(self, columns: Sequence[str], rows: Sequence[Sequence[str]], items: Sequence[Mapping[str, Any]]) -> None:
        """Show a list, as rows or as JSON."""
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
        """Show a list as a table on a terminal and as lines with tabs in a pipe; returns how many rows there are.

        In a pipe each is shown as it comes, so that memory stays flat; one that cannot be read ends the list.
        """
        if self.stdout.isatty():
            known = [*rows]
            self._table(columns, known)
            return len(known)
        count = 0
        for row in rows:
            self.stdout.write("\t".join(row) + "\n")
            count += 1
        return count

    @contextmanager
    def progress(self, what: str, total: int) -> Iterator[Callable[[], None]]:
        """A progress bar while the block runs, moved on by each call; only where somebody sees it."""
        if self.stderr is None or not self.stderr.isatty():
            yield lambda: None
            return
        from rich.console import Console
        from rich.progress import Progress

        with Progress(console=Console(file=self.stderr), transient=True) as bar:
            task = bar.add_task(what, total=total)
            yield lambda: bar.advance(task)

    def ask(self, question: str) -> str:
        """A line typed in answer to a question; raises `UsageProblem` when nothing was."""
        print(f"{question}: ", end="", file=self.stderr, flush=True)
        text = self.stdin.readline().strip()
        if not text:
            raise UsageProblem(f"nothing was typed for: {question}")
        return text

    def ask_secret(self, question: str) -> Secret[str]:
        """A secret typed without echo, or the whole of standard input where nobody types.

        One newline at its end is not part of it. Raises `UsageProblem` when it is empty.
        """
        if self.can_ask:
            import getpass

            text = getpass.getpass(f"{question}: ", stream=self.stderr)
        else:
            text = self.stdin.read().removesuffix("\n").removesuffix("\r")
        if not text:
            raise UsageProblem(f"no {question} came on standard input", hint='printf %s "$SECRET" | everyauth ...')
        return Secret(text)

    def confirm(self, question: str) -> bool:
        """Ask for a yes; raises `UsageProblem` where nobody can answer."""
        if not self.can_ask:
            raise UsageProblem("nobody is here to say yes", hint="say it beforehand with --yes")
        print(f"{question} [y/N] ", end="", file=self.stderr, flush=True)
        return self.stdin.readline().strip().lower() in ("y", "yes")

    def _table(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Draw a table; columns with nothing in them are left out."""
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        shown = [at for at in range(len(columns)) if any(row[at] for row in rows) or not rows]
        table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
        for at in shown:
            # A name or an id is what the next command is given: it stays in one piece.
            whole = all(" " not in row[at] and len(row[at]) <= UNBROKEN for row in rows)
            table.add_column(columns[at], overflow="fold", no_wrap=whole)
        for row in rows:
            table.add_row(*(Text(row[at]) for at in shown))
        Console(file=self.stdout).print(table)


def _json(value: Any) -> str:  # noqa: ANN401 - JSON
    text = json.dumps(value, indent=2, ensure_ascii=False)
    # JSON may hold half a character, which no stream takes as it is.
    return json.dumps(value, indent=2) if LONE_SURROGATE.search(text) else text
