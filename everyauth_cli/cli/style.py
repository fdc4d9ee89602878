"""The palette of every screen; what is no terminal gets plain text."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import TextIO


class Style(StrEnum):
    """The styles, each with its meaning: the value is Rich's definition."""

    heading = "bold"
    command = "bold cyan"
    secondary = "dim"
    done = "green"
    attention = "yellow"
    failed = "red"
    scanned = "color(16) on color(231)"  # black on white of the 256 colors, which no theme changes as it does the 16


class Mark(StrEnum):
    """The marks before a line; the words beside a mark say the same."""

    done = "✓"
    attention = "!"
    failed = "✗"

    @property
    def style(self) -> Style:
        return Style[self.name]


Paint = Callable[[Style, str], str]
"""Returns a text in a style."""


def plain(_style: Style, text: str) -> str:
    """Return the text as it is."""
    return text


def paint_for(stream: TextIO | None) -> Paint:
    """Return how to style what is written to a stream: not at all in a pipe, with NO_COLOR or with TERM=dumb."""
    if stream is None or not stream.isatty():
        return plain
    from rich.console import Console

    console = Console(file=stream, highlight=False)
    if console.no_color or console.is_dumb_terminal or console.color_system is None:
        return plain

    from rich.style import Style as RichStyle

    def paint(style: Style, text: str) -> str:
        return RichStyle.parse(style).render(text)

    return paint
