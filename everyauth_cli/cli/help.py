"""The help of a command as text, wrapped to the terminal's width."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

NARROWEST, WIDEST = 40, 100
UNBREAKABLE = "\N{NO-BREAK SPACE}"
VERBATIM = "\b\n"
"""At the start of a paragraph, this keeps its lines as they are; Typer's own help follows it too."""
COMMON = "Common options"
"""Heading of the options that every command takes."""


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

    @property
    def usage(self) -> str:
        """The words of a command line, in the order in which they are typed."""
        words = [param.usage for param in self.parameters]
        return " ".join(filter(None, ("[OPTIONS]", *words, "COMMAND" if self.commands else "")))

    @property
    def examples(self) -> list[str]:
        """The lines of the examples; one that begins with # says what the next is for."""
        found = [block for block in self.epilog.split("\n\n") if block.startswith(f"{VERBATIM}Examples:\n")]
        return [line.strip() for block in found for line in block.splitlines()[2:]]


def help_text(about: str, examples: Sequence[str]) -> str:
    """Text for below the options, with the examples at its end as `CommandHelp.examples` finds them."""
    lines = "".join(f"\n  {line}" for line in examples)
    return "\n\n".join(filter(None, (about, f"{VERBATIM}Examples:{lines}" if examples else "")))


def help_page(command: CommandHelp, *, columns: int) -> str:
    """Return the whole help of a command, for a terminal with so many columns."""
    width = min(max(columns, NARROWEST), WIDEST)
    lines = _wrapped(f"{command.path} {command.usage}", "Usage: ", width)
    for paragraph in command.about.split("\n\n"):
        lines += ["", *_wrapped(" ".join(paragraph.split()), "  ", width)]
    if command.commands:
        lines += ["", "Commands:", *_columns(command.commands, width)]
    for section in dict.fromkeys(param.section for param in command.parameters):
        found = [(param.label, param.about) for param in command.parameters if param.section == section]
        lines += ["", f"{section}:", *_columns(found, width)]
    for paragraph in filter(None, command.epilog.split("\n\n")):
        as_it_is = paragraph.startswith(VERBATIM)
        lines += ["", *(paragraph.splitlines()[1:] if as_it_is else _wrapped(paragraph, "", width))]
    return "\n".join(lines).replace(UNBREAKABLE, " ")


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


def _columns(rows: Iterable[tuple[str, str]], width: int) -> Iterator[str]:
    """Two columns; where the first is too wide, the second begins on the next line."""
    known = [*rows]
    left = max((len(name) for name, _ in known if len(name) <= width // 3), default=0) + 4
    for name, about in known:
        lines = _wrapped(about, " " * left, width) or [""]
        if len(name) + 4 <= left:
            lines[0] = f"  {name}".ljust(left) + lines[0].strip()
        else:
            lines.insert(0, f"  {name}")
        yield from lines
