"""Breaks lines between words to fit the terminal."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Sequence

from everyauth_cli.cli.style import Mark


def fitted(line: str) -> list[str]:
    """Break a line between words to fit the terminal; its indentation stays, and no word is broken."""
    indent = " " * (len(line) - len(line.lstrip(" ")))
    return _wrapped(line, indent + "  " if line.lstrip(" ")[:2] in {f"{mark} " for mark in Mark} else indent)


def hanging(start: str, text: str) -> list[str]:
    """Break a text after its start, such as a number, between words; the other lines are below the text's first."""
    return _wrapped(f"{start}{text}", " " * len(start))


def _wrapped(line: str, more: str) -> list[str]:
    return textwrap.wrap(
        line,
        max(shutil.get_terminal_size().columns, len(more) + 1),
        subsequent_indent=more,
        break_long_words=False,
        break_on_hyphens=False,
        drop_whitespace=True,
    ) or [""]


def in_columns(names: Sequence[str]) -> list[str]:
    """Return the lines of as many columns of names as fit the terminal, sorted downwards."""
    width = max(map(len, names), default=0) + 2
    across = max((shutil.get_terminal_size().columns - 2) // width, 1)
    down = -(-len(names) // across)
    return ["  " + "".join(f"{name:<{width}}" for name in names[row::down]).rstrip() for row in range(down)]
