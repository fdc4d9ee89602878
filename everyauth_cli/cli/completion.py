"""Prints the candidates that the completion scripts ask for."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from enum import StrEnum

from typer.main import get_command

from everyauth_cli.cli.tree import tree
from everyauth_cli.cli.typer_internals import candidates

# Compiled when it is first used: every command imports this module.
WORD_PART = r"""(?xs) (?P<blank>\s+) | (?P<plain>[^\s\\'"]+) | \\(?P<escaped>.?)
    | '(?P<single>[^']*)(?P<single_end>'?) | "(?P<double>(?:[^"\\]|\\.)*)(?P<double_end>"?)"""


class Shell(StrEnum):
    """The shells with a completion script."""

    bash = "bash"
    zsh = "zsh"
    fish = "fish"
    powershell = "powershell"


def print_candidates(shell: str, *words: str) -> None:
    """Print what may come next; bash gives the line and the part to replace, others the words up to the cursor."""
    if shell == Shell.bash:
        lines = bash_lines(*words)
    else:
        *before, last = words
        lines = described_lines([*before, last[1:] if shell == Shell.powershell else last])
    for line in lines:
        print(line)  # noqa: T201 - no session: completion must not fail over settings


def bash_lines(line: str, replaced: str) -> Iterator[str]:
    """Yield what may replace the end of the line, quoted as the quotes around it need."""
    words, _ = split(line)
    kept, quote = split(line.removesuffix(replaced))
    for candidate, _ in _candidates(words[1:]):
        yield quoted(candidate[len(kept[-1]) :], quote)


def described_lines(words: Sequence[str]) -> Iterator[str]:
    """Yield each candidate as it is, with its description after a tab."""
    for candidate, about in _candidates(words):
        yield f"{candidate}\t{about}"


def split(line: str) -> tuple[list[str], str]:
    """Split a line as bash does, into words without quotes, and the quote that is open at its end.

    The last word is empty when the line ends in a blank.
    """
    words: list[list[str]] = [[]]
    quote = ""
    for part in re.finditer(WORD_PART, line):
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
    """Quote a text for bash, inside an open quote or outside of any."""
    if not quote:
        return re.sub(r"""([\s!"#$&'()*;<>?\[\\\]^`{|}~])""", r"\\\1", text)
    # Inside double quotes a backslash does not keep ! from the history.
    inside_double = re.sub(r'([$`"\\])', r"\\\1", text).replace("!", r'"\!"')
    written = text.replace("'", r"'\''") if quote == "'" else inside_double
    # readline closes the quote, unless what it gets ends in one.
    return written + quote if written.endswith(quote) else written


def _candidates(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    return candidates(get_command(tree(words)), words)
