"""Topics of `everyauth help`: a text file for each, which is a section of the manual page too."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from everyauth_cli.cli.style import Paint, Style

TOPICS = {"sdk": "Give an SDK the current token at each call."}
"""The topics, each with its summary, in the order of the manual page; NAME.in is the text of one."""
EXAMPLE = "    "


def topic_text(name: str) -> str:
    """Return a topic in the markup of the manual page's template, which `man.page` describes."""
    return (Path(__file__).parent / f"{name}.in").read_text(encoding="utf-8")


def topic_page(name: str, *, columns: int, paint: Paint) -> str:
    """Return a topic for a terminal with so many columns; lines of code are kept as they are."""
    return "\n\n".join(_blocks(topic_text(name), columns, paint))


def _blocks(text: str, columns: int, paint: Paint) -> Iterator[str]:
    import textwrap

    for block in text.strip().split("\n\n"):
        if block.startswith("# "):
            yield paint(Style.heading, block[2:])
        elif block.startswith(EXAMPLE):
            yield block
        else:
            term, colon, about = block.partition("\n: ")
            lines = textwrap.wrap(_plain(about if colon else term), columns, break_on_hyphens=False)
            yield "\n".join([_plain(term), *(EXAMPLE + line for line in lines)] if colon else lines)


def _plain(text: str) -> str:
    return re.sub(r"`([^`]*)`|<([A-Za-z_-]+)>", lambda match: match[1] or match[2], " ".join(text.split()))
