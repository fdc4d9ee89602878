"""A topic as a page for the terminal."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
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
        yield "\n".join(two_columns(map(_row, group), columns, paint))
        return
    for block in group:
        if block.startswith("# "):
            yield paint(Style.heading, block[2:])
        elif block.startswith(EXAMPLE):
            yield block
        else:
            yield "\n".join(textwrap.wrap(_plain(block), columns, break_on_hyphens=False))


def _row(block: str) -> tuple[str, str]:
    term, _, about = block.partition("\n: ")
    return _plain(term), "\n".join(map(_plain, about.split(BREAK)))


def _plain(text: str) -> str:
    return re.sub(r"`([^`]*)`|<([A-Za-z_-]+)>", lambda match: match[1] or match[2], " ".join(text.split()))
