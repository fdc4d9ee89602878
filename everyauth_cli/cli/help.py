"""The help of a command as text, wrapped to the terminal's width."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from everyauth_cli.cli.style import Paint, Style, plain

NARROWEST, WIDEST = 40, 100
UNBREAKABLE = "\N{NO-BREAK SPACE}"
EXAMPLES = "EXAMPLES"
PROMPT = "$ "
VERBATIM = "\b\n"
"""At the start of a paragraph, this keeps its lines as they are; Typer's own help follows it too."""
COMMON = "Common options"
"""Heading of the options that every command takes."""
SECTIONS = {
    "Get started": ("demo", "init"),
    "Use": ("login", "token", "status", "logout"),
    "Set up": ("service", "store", "profile", "doctor"),
    "Apps and servers": ("identity", "alerts", "sandbox"),
    "More": ("open", "completion", "version", "help"),
}
"""The program's commands and groups as its help lists them; the commands of a group are in one section."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterHelp:
    """An argument, which has no `names`, or an option; a flag has no `metavar`."""

    names: Sequence[str]
    metavar: str
    about: str
    required: bool
    repeatable: bool
    section: str

    @property
    def label(self) -> str:
        return " ".join(filter(None, (", ".join(self.names), self.metavar)))

    @property
    def usage(self) -> str:
        """The parameter as the usage line shows it; an option appears there only if it is required."""
        if self.names:
            return f"{self.names[-1]}{UNBREAKABLE}{self.metavar}" if self.required else ""
        # A metavar of several words shows by itself which of them may be left out.
        optional = not self.required and " " not in self.metavar
        name = f"[{self.metavar}]" if optional else self.metavar
        return name + "..." * (self.repeatable and optional)


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandHelp:
    """A command, or a group with the names and summaries of its commands."""

    path: str
    about: str
    parameters: Sequence[ParameterHelp]
    commands: Sequence[tuple[str, str]]
    epilog: str

    @property
    def summary(self) -> str:
        return self.about.partition("\n\n")[0]

    def as_json(self) -> dict[str, object]:
        """Return the help for programs."""
        return {
            "command": self.path,
            "about": self.about,
            "commands": [{"name": name, "about": about} for name, about in self.commands],
            "parameters": [
                {"names": [*one.names], "value": one.metavar, "about": one.about, "required": one.required}
                for one in self.parameters
            ],
            "examples": [*self.examples],
        }

    @property
    def sections(self) -> Iterator[tuple[str, list[tuple[str, str]]]]:
        """The commands by section, each with its heading."""
        known = dict(self.commands)
        of_program = " " not in self.path and known.keys() <= {name for names in SECTIONS.values() for name in names}
        for heading, names in (SECTIONS if of_program else {"Commands": known}).items():
            if listed := [(name, known[name]) for name in names if name in known]:
                yield heading, listed

    @property
    def usage(self) -> str:
        """The words of a command line, in the order in which they are typed."""
        words = [param.usage for param in self.parameters]
        return " ".join(filter(None, ("COMMAND" if self.commands else "", *words, "[OPTIONS]")))

    @property
    def examples(self) -> list[str]:
        """The lines of the examples; one that begins with # says what the next is for."""
        found = [block for block in self.epilog.split("\n\n") if block.startswith(f"{VERBATIM}{EXAMPLES}\n")]
        return [line.strip().removeprefix(PROMPT) for block in found for line in block.splitlines()[2:]]


def help_text(examples: Sequence[str], *, after: str = "") -> str:
    """Return the text below the options: the examples, as `CommandHelp.examples` finds them, and more lines."""
    lines = "".join(f"\n  {line if line.startswith('# ') else PROMPT + line}" for line in examples)
    return "\n\n".join(filter(None, (f"{VERBATIM}{EXAMPLES}{lines}", after and VERBATIM + after)))


def help_page(command: CommandHelp, *, columns: int, paint: Paint = plain) -> str:
    """Return the whole help of a command, for a terminal with so many columns."""
    return "\n".join(_lines(command, min(max(columns, NARROWEST), WIDEST), paint)).replace(UNBREAKABLE, " ")


def _lines(command: CommandHelp, width: int, paint: Paint) -> Iterator[str]:
    for paragraph in command.about.split("\n\n"):
        yield from (*_wrapped(" ".join(paragraph.split()), "", width), "")
    usage = _wrapped(command.usage, f"  {command.path} ", width)
    yield from (paint(Style.heading, "USAGE"), *usage)
    for section, listed in command.sections:
        yield from _section(section, listed, width, paint)
    for section in dict.fromkeys(param.section for param in command.parameters):
        found = [(param.label, param.about) for param in command.parameters if param.section == section]
        yield from _section(section, found, width, paint)
    for block in filter(None, command.epilog.split("\n\n")):
        heading, *lines = block.removeprefix(VERBATIM).splitlines()
        yield from ("", paint(Style.heading, heading))
        yield from (paint(Style.secondary, line) if line.startswith("  # ") else line for line in lines)


def _section(heading: str, rows: Iterable[tuple[str, str]], width: int, paint: Paint) -> Iterator[str]:
    yield from ("", paint(Style.heading, heading.upper()), *two_columns(rows, width, paint))


def _wrapped(text: str, start: str, width: int) -> list[str]:
    # Every command imports this module, and few print a help.
    import textwrap

    return textwrap.wrap(
        text,
        width,
        initial_indent=start,
        subsequent_indent=" " * len(start),
        break_long_words=False,
        break_on_hyphens=False,
    )


def two_columns(rows: Iterable[tuple[str, str]], width: int, paint: Paint) -> Iterator[str]:
    """Two columns; where the first is too wide, the second begins on the next line."""
    known = [*rows]
    left = max((len(name) for name, _ in known if len(name) <= width // 3), default=0) + 4
    for name, about in known:
        first, *more = [line for part in about.splitlines() for line in _wrapped(part, " " * left, width)] or [""]
        if len(name) + 4 <= left:
            yield f"  {paint(Style.command, name)}{first[len(name) + 2 :]}"
        else:
            yield from (f"  {paint(Style.command, part)}" for part in _wrapped(name, "", width - 2))
            yield first
        yield from more
