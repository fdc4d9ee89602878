"""A topic as a page for the terminal."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator
from itertools import groupby

from everyauth_cli.cli.help import two_columns
from everyauth_cli.cli.style import Paint, Style
from everyauth_cli.cli.topics.text import BREAK, EXAMPLE, TERM, blocks, topic_text


def topic_page(name: str, *, columns: int, paint: Paint) -> str:
    """Return a topic for a terminal with so many columns; lines of code are kept as they are."""
    found = groupby(blocks(topic_text(name)), key=lambda block: bool(TERM.fullmatch(block)))
    return "\n\n".join(part for terms, group in found for part in _parts(terms, group, columns, paint))


def _parts(terms: bool, group: Iterator[str], columns: int, paint: Paint) -> Iterator[str]:
    if terms:
        yield _painted(two_columns(map(_row, group), columns, paint), paint)
        return
    for block in group:
        if block.startswith("# "):
            yield paint(Style.heading, block[2:])
        elif block.startswith(EXAMPLE):
            yield block
        else:
            yield _painted(textwrap.wrap(_joined(block), columns, break_on_hyphens=False), paint)


def _row(block: str) -> tuple[str, str]:
    term, _, about = block.partition("\n: ")
    return _joined(term), "\n".join(map(_joined, about.split(BREAK)))


def _joined(text: str) -> str:
    return re.sub(r"<([A-Za-z_-]+)>", r"\1", " ".join(text.split()))


def _painted(lines: Iterable[str], paint: Paint) -> str:
    """Join wrapped lines, and style what is in backquotes; that may go on in the next line."""

    def styled(match: re.Match[str]) -> str:
        return "\n".join(paint(Style.command, part) for part in match[1].splitlines())

    return re.sub(r"`([^`]*)`", styled, "\n".join(lines))
