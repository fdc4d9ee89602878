"""Answers the completion scripts: what may come next on a command line."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from everyauth_cli.cli.tree import tree

SAID = (str, bool, list, tuple)
"""What a parameter is before Typer has looked at it."""

Node = Any
"""A command, a parameter or a context: Typer's types of these are not public."""

WORD_PART = re.compile(
    r"""(?P<blank>\s+) | (?P<plain>[^\s\\'"]+) | \\(?P<escaped>.?)
    | '(?P<single>[^']*)(?P<single_end>'?) | "(?P<double>(?:[^"\\]|\\.)*)(?P<double_end>"?)""",
    re.VERBOSE | re.DOTALL,
)


class Shell(StrEnum):
    """The shells that there are scripts for."""

    bash = "bash"
    zsh = "zsh"
    fish = "fish"
    powershell = "powershell"


def answer(shell: str, *words: str) -> None:
    """Response a script: bash gives the line and the part to be replaced, others the words up to the cursor."""
    if shell == Shell.bash:
        lines = bash_lines(*words)
    else:
        *before, last = words
        lines = described_lines([*before, last[1:] if shell == Shell.powershell else last])
    for line in lines:
        print(line)  # noqa: T201 - no session: completion must not fail over settings


def bash_lines(line: str, replaced: str) -> Iterator[str]:
    """What may stand in the place of the line's end, quoted for the quotes that it stands in."""
    words, _ = split(line)
    kept, quote = split(line.removesuffix(replaced))
    for candidate, _ in candidates(words[1:]):
        yield quoted(candidate[len(kept[-1]) :], quote)


def described_lines(words: Sequence[str]) -> Iterator[str]:
    """The candidates as they are, each with what it is after a tab."""
    for candidate, about in candidates(words):
        yield f"{candidate}\t{about}"


def split(line: str) -> tuple[list[str], str]:
    """The words of a line for bash, without their quotes, and the quote that is open at its end.

    The last word is empty when the line ends in a blank.
    """
    words: list[list[str]] = [[]]
    quote = ""
    for part in WORD_PART.finditer(line):
        found = part.groupdict()
        if found["blank"]:
            words.append([])
        elif found["double"] is not None:
            words[-1].append(re.sub(r'\\([$`"\\])', r"\1", found["double"]))
            quote = "" if found["double_end"] else '"'
        elif found["single"] is not None:
            words[-1].append(found["single"])
            quote = "" if found["single_end"] else "'"
        else:
            words[-1].append(found["plain"] or found["escaped"])
    return ["".join(word) for word in words], quote


def quoted(text: str, quote: str) -> str:
    """A text as it is written for bash inside a quote, or outside of any."""
    if not quote:
        return re.sub(r"""([\s!"#$&'()*;<>?\[\\\]^`{|}~])""", r"\\\1", text)
    # Inside double quotes a backslash does not keep ! from the history.
    inside_double = re.sub(r'([$`"\\])', r"\\\1", text).replace("!", r'"\!"')
    written = text.replace("'", r"'\''") if quote == "'" else inside_double
    # readline closes the quote, unless what it gets ends in one.
    return written + quote if written.endswith(quote) else written


def candidates(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    """What may stand in the place of the last word, which is begun or empty, each with what it is."""
    *before, last = words
    context = _context(before)
    option, equals, value = last.partition("=")
    if equals and (named := _option(context, option)):
        found = [(option + equals + item.value, item.help or "") for item in named.shell_complete(context, value)]
    else:
        asked = _asked(context, before, last)
        found = [(item.value, _about(asked, item)) for item in asked.shell_complete(context, last)]
    for candidate, about in found:
        # What a terminal cannot show could not be told apart, and might do something to the terminal.
        if candidate.isprintable() and candidate not in _spent(context):
            yield candidate, " ".join(about.split())


def _context(words: Sequence[str]) -> Node:
    """The context of the last command that the words name, with what is said so far as plain text."""
    here, name, rest, context = get_command(tree(words)), "everyauth", list(words), None
    while True:
        context = typer.Context(here, context, name, resilient_parsing=True, **here.context_settings)
        said, rest, _ = here.make_parser(context).parse_args(rest)
        # What was not said is there too: as None, as an empty tuple, or as a mark of Typer's own.
        context.params = {name: value for name, value in said.items() if value and isinstance(value, SAID)}
        found = here.get_command(context, rest[0]) if rest and isinstance(here, TyperGroup) else None
        if found is None:
            return context
        here, name, rest = found, rest[0], rest[1:]


def _spent(context: Node) -> set[str]:
    """The options that were given and cannot be given again."""
    params = [param for param in context.command.params if param.param_type_name == "option" and not param.multiple]
    return {option for param in params if param.name in context.params for option in param.opts}


def _asked(context: Node, before: Sequence[str], last: str) -> Node:
    """What knows the last word's candidates: an option that wants its value, the next argument, else the command."""
    ended = "--" in before
    if before and not ended and (option := _option(context, before[-1])):
        return option
    if last.startswith("-") and not ended:
        return context.command
    arguments = [param for param in context.command.params if param.param_type_name == "argument"]
    # An argument of many words always takes another.
    waiting = (param for param in arguments if param.nargs == -1 or param.name not in context.params)
    return next(waiting, context.command)


def _about(asked: Node, item: Node) -> str:
    """What a candidate is; Typer would cut a command's help to 45 characters."""
    named = getattr(asked, "commands", {}).get(item.value)
    return (named or item).help or ""


def _option(context: Node, word: str) -> Node:
    """The option of that name which takes a value, if there is one."""
    options = (param for param in context.command.params if word in param.opts)
    return next((param for param in options if not param.is_flag), None)
