"""The streams: data on stdout, everything else on stderr, questions on the terminal; nothing invisible on any."""

from __future__ import annotations

import functools
import sys
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TextIO

from everyauth_cli.cli.streams import drop, is_utf8, typed, unwritten
from everyauth_cli.cli.style import Mark, Paint, Style, paint_for
from everyauth_cli.cli.suggestion import read_hint
from everyauth_cli.cli.table import draw_table
from everyauth_cli.cli.wrapping import fitted, hanging, in_columns
from everyauth_cli.errors import EveryAuthError, UsageProblem
from everyauth_cli.model import Secret
from everyauth_cli.sanitize import json_text, visible, visible_lines

MOST_IN_MEMORY = 1_000_000


class Terminal:
    """The three streams of a command; with `as_json`, data and errors are JSON.

    With `quiet`, stderr gets warnings, errors, questions, and what a person has to act on; nothing else.
    `complete` adds to a suggested command what it needs, such as the profile.
    Whatever it shows, of a service, a user, a file or an environment, has escapes for what is not visible.
    """

    def __init__(
        self,
        *,
        as_json: bool = False,
        quiet: bool = False,
        stdin: TextIO | None = None,
        stdout: TextIO | None = None,
        stderr: TextIO | None = None,
        complete: Callable[[str], str] = str,
    ) -> None:
        self.as_json = as_json
        self.quiet = quiet
        self._complete = complete
        self.stdin = stdin or sys.stdin
        self.stdout = stdout or sys.stdout
        self.stderr = stderr or sys.stderr

    @property
    def can_ask(self) -> bool:
        """Whether a person can read a question and type a reply."""
        return self.stdin.isatty() and self.stderr.isatty()

    def data(self, line: str, *, style: Style | None = None) -> None:
        """Print a line of data."""
        shown = visible(line)
        self._print((self._paint(style, shown) if style else shown) + "\n")

    def text(self, text: str) -> None:
        """Print data of several lines."""
        self._print(visible_lines(text) + "\n")

    def json(self, value: Any) -> None:  # noqa: ANN401 - JSON
        """Print data as JSON."""
        self._print(self._json(value) + "\n")

    def prose(self, text: str) -> None:
        """Print sentences as data; on a terminal they break between words."""
        for line in text.split("\n"):
            self.text("\n".join(fitted(visible(line)) if self.stdout.isatty() else [line]))

    def paragraph(self, start: str, text: str) -> None:
        """Print a sentence after its start, such as a number, as data; on a terminal it breaks between words."""
        lines = hanging(start, visible(text)) if self.is_table else [f"{start}{visible(text)}"]
        self._print("".join(f"{line}\n" for line in lines))

    def heading(self, text: str, *, about: str) -> None:
        """Print a heading as data, and beside it, or below where a terminal is too narrow, what it is about."""
        beside = f" \N{MIDDLE DOT} {visible(about)}" if about else ""
        fits = not self.is_table or len(fitted(visible(text) + beside)) == 1
        self.data(text + beside if fits else text, style=Style.heading)
        if not fits:
            self.data(about)

    def facts(self, facts: Mapping[str, str]) -> None:
        """Print a line for each fact; on a terminal the labels are a column, elsewhere a tab follows them."""
        width = max(map(len, facts), default=0) + 2
        for label, value in facts.items():
            if not self.is_table:
                self._print(f"{label}\t{visible(value)}\n")
                continue
            first, *more = fitted(f"{'':{width}}{visible(value)}")
            self._print(f"{self._paint(Style.secondary, label)}{first[len(label) :]}\n")
            self._print("".join(f"{line}\n" for line in more))

    def verdict(self, mark: Mark, text: str, *, label: str = "") -> None:
        """Print a line of data with its mark, and maybe a label; on a terminal it breaks between words."""
        start = f"{mark} {visible(label)}"
        first, *more = hanging(start, visible(text)) if self.is_table else [start + visible(text)]
        shown = f"{self._paint(mark.style, mark)} {self._paint(Style.secondary, start[2:])}{first[len(start) :]}"
        self._print("\n".join([shown, *more, ""]))

    def page(self, text: str) -> None:
        """Print a help page, which is our own text and may have styles in it."""
        self._print(text + "\n")

    def command(self, command: str, *, about: str = "") -> None:
        """Print a command to type next, on a line of its own, among data."""
        self._print(f"  {visible(about)}{self._paint(Style.command, visible(self._complete(command)))}\n")

    def info(self, line: str) -> None:
        """Print on stderr a line that is good to know; on a terminal it breaks between words."""
        if not self.quiet:
            self.instruct(line)

    def instruct(self, line: str) -> None:
        """Print on stderr a line that a person has to act on."""
        for part in fitted(visible(line)) if self._is_terminal else [visible(line)]:
            self._say(part + "\n")

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
        self._say(f"  {self._paint_talk(Style.command, visible(self._complete(command)))}\n")

    def show(self, text: str, *, style: Style) -> None:
        """Print text on stderr that a person has to act on, in a style; its lines are never broken."""
        self._say("".join(f"{self._paint_talk(style, line)}\n" for line in visible_lines(text).split("\n")))

    def advise(self, about: str, command: str) -> None:
        """Print on stderr a command and what it is for; nothing with `quiet`."""
        if not self.quiet:
            self.instruct(f"{about}:")
            self.suggest(command)

    def error(self, error: EveryAuthError) -> None:
        """Print an error and its hint on stderr; with `as_json`, as one line of JSON."""
        if self.as_json:
            shown = {"code": error.code, "message": error.message, "hint": error.hint}
            self._say(json_text({"error": shown}, indent=None, ascii_only=not is_utf8(self.stderr)) + "\n")
            return
        first, *more = error.message.split("\n")
        self._marked(Mark.failed, first, word="error: ")
        for line in more:
            # Indented, so that no text of others can look like a message of ours.
            self.instruct(f"  {line.lstrip()}")
        if not error.hint:
            return
        advice, command = read_hint(error.hint)
        if not self._is_terminal:
            self.instruct(f"  try: {error.hint}")
        elif command:
            if advice:
                self.instruct(f"  {advice}{'' if advice.endswith('?') else ':'}")
            self.suggest(command)
        else:
            self.instruct(f"  {advice}")

    def event(self, name: str, **fields: object) -> None:
        """Report a step of a login to a program that drives it; a terminal for people leaves it out."""

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

    def items(self, items: Iterable[Mapping[str, Any]], *, cursor: Callable[[], str | None] = lambda: None) -> int:
        """Print a list as JSON, `{"items", "next"}`, with the cursor known then; returns how many items there are.

        Nothing is printed where one of them cannot be read; until then they lie in a file, so that memory stays flat.
        """
        import tempfile  # takes as long as all of this module

        with tempfile.SpooledTemporaryFile(MOST_IN_MEMORY, "w+", encoding="utf-8", newline="") as spool:
            count = 0
            for item in items:
                spool.write(",\n" if count else '{\n  "items": [\n')
                spool.write(textwrap.indent(self._json(item), "    "))
                count += 1
            end = f'],\n  "next": {json_text(cursor(), indent=None)}\n}}\n'
            spool.write(f"\n  {end}" if count else f'{{\n  "items": [{end}')
            spool.seek(0)
            while text := spool.read(1 << 16):
                self._print(text)
        return count

    def rows(self, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> int:
        """Print a list as a table on a terminal, as lines with tabs in a pipe; returns the number of rows.

        In a pipe each row is printed as it comes, so that memory stays flat; a row that cannot be read ends the list.
        """
        if self.stdout.isatty():
            known = [[*map(visible, row)] for row in rows]
            draw_table(self.stdout, columns, known)
            return len(known)
        count = 0
        for row in rows:
            self._print("\t".join(map(visible, row)) + "\n")
            count += 1
        return count

    @property
    def is_table(self) -> bool:
        """Whether a list is a table for people: stdout is a terminal."""
        return self.stdout.isatty()

    def columns(self, names: Sequence[str]) -> None:
        """Print names in as many columns as fit the terminal, sorted downwards."""
        for line in in_columns(names):
            self.data(line)

    def marked(
        self,
        columns: Sequence[str],
        rows: Sequence[Sequence[str]],
        marks: Sequence[Mark],
        *,
        extra: Sequence[str] = (),
        header: bool = True,
    ) -> None:
        """Print rows with their marks as a table on a terminal, without the extra columns that do not fit."""
        if self.stdout.isatty():
            shown = [[*map(visible, row)] for row in rows]
            draw_table(self.stdout, columns, shown, marks=marks, extra=extra, header=header)
        else:
            self.rows(columns, rows)

    @property
    def shows_progress(self) -> bool:
        """Whether a progress bar would be seen."""
        return self._is_terminal and not self.quiet

    def ask(self, question: str) -> str:
        """Ask for a line of text; raises `UsageProblem` when it is empty."""
        self._say(f"{visible(question)}: ")
        text = typed(self.stdin.readline).strip()
        if not text:
            raise UsageProblem(f"no text was typed for: {question}", hint="type a value, or press Ctrl-C to stop")
        return text

    def interrupted(self) -> None:
        """End the line in which a terminal shows ^C."""
        if self._is_terminal:
            self._say("\n")

    def wait(self, text: str) -> None:
        """Wait for Enter, after a text; the end of standard input will do as well."""
        self._say(f"{self._paint_talk(Style.secondary, visible(text))} ")
        typed(self.stdin.readline)

    def ask_secret(self, question: str, *, may_be_empty: bool = False) -> Secret[str]:
        """Ask for a secret without echo; where this is not a terminal, read all of standard input.

        One newline at its end is dropped. Raises `UsageProblem` when it is empty, unless it may be.
        """
        if self.can_ask:
            import getpass

            text = getpass.getpass(f"{visible(question)}: ", stream=self.stderr)
        else:
            # PowerShell puts a byte order mark before what it pipes.
            text = typed(self.stdin.read).removeprefix("\ufeff").removesuffix("\n").removesuffix("\r")
        if not text and not may_be_empty:
            raise UsageProblem(f"standard input has no {question}", hint='printf %s "$SECRET" | everyauth ...')
        return Secret(text)

    def confirm(self, question: str) -> bool:
        """Ask for a yes; raises `UsageProblem` where this is not a terminal."""
        if not self.can_ask:
            error = UsageProblem("confirmation needed, but this is not a terminal", hint="pass --yes")
            error.missing_option = "--yes"
            raise error
        self._say(f"{visible(question)} [y/N] ")
        return typed(self.stdin.readline).strip().lower() in ("y", "yes")

    def finish(self, code: int) -> int:
        """Write what is left for stdout, and return the exit code, which is not 0 where it cannot be written."""
        try:
            self.stdout.flush()
        except OSError as error:
            if not code:
                return self.cannot_write(error)
            drop(self.stdout)
        return code

    def cannot_write(self, error: OSError) -> int:
        """Say that stdout cannot be written, and return the exit code."""
        drop(self.stdout)
        # A reader who has closed the pipe does not want the rest.
        if not isinstance(error, BrokenPipeError):
            self.error(unwritten(error))
        return EveryAuthError.exit_code

    @functools.cached_property
    def _is_terminal(self) -> bool:
        return self.stderr.isatty()

    @functools.cached_property
    def _paint(self) -> Paint:
        return paint_for(self.stdout)

    @functools.cached_property
    def _paint_talk(self) -> Paint:
        return paint_for(self.stderr)

    def _marked(self, mark: Mark, line: str, *, word: str) -> None:
        """Print a line with its mark on a terminal, and with its word elsewhere."""
        if not self._is_terminal:
            self.instruct(f"{word}{line}")
            return
        first, *more = fitted(f"{mark} {visible(line)}")
        self._say("\n".join([first.replace(mark, self._paint_talk(mark.style, mark), 1), *more, ""]))

    def _json(self, value: Any) -> str:  # noqa: ANN401 - JSON
        return json_text(value, ascii_only=not is_utf8(self.stdout))

    def _print(self, text: str) -> None:
        try:
            self.stdout.write(text)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise unwritten(error) from None

    def _say(self, text: str) -> None:
        """Write to stderr; the command goes on where that cannot be written."""
        try:
            self.stderr.write(text)
            self.stderr.flush()
        except OSError:
            drop(self.stderr)
