"""A QR code on the terminal, with which a phone opens a URL that is long to type."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from itertools import zip_longest

from everyauth_cli.cli.streams import is_utf8
from everyauth_cli.cli.style import Style, paint_for, plain
from everyauth_cli.cli.terminal import Terminal

QUIET_ZONES = (4, 2)
"""Light modules on each side: four as the standard wants, and two, which still can be read, where four do not fit."""

BLOCKS = {(0, 0): " ", (1, 0): "▀", (0, 1): "▄", (1, 1): "█"}
"""The characters for two modules, of which one is above the other; 1 is dark."""


def qr_code(text: str, *, columns: int, lines: int) -> list[str] | None:
    """Return the lines of a QR code, to be painted dark on light; None if it is larger than the space."""
    from segno import DataOverflowError, make_qr

    try:
        # The lowest level of error correction, as a screen has no scratches; it makes the smallest code.
        code = make_qr(text, error="l")
    except DataOverflowError:
        return None
    for border in QUIET_ZONES:
        size, _ = code.symbol_size(border=border)
        if size <= columns and (size + 1) // 2 <= lines:
            return _in_blocks([[*row] for row in code.matrix_iter(border=border)])
    return None


def show_qr_code(terminal: Terminal, text: str, *, about: str, other_lines: int) -> bool:
    """Show a QR code on stderr below a line about it, where people see it right; returns False elsewhere.

    It leaves room for `other_lines` on the screen. Many phones read no code that is light on dark, as it would be
    on a dark terminal without colors.
    """
    stream = terminal.stderr
    if not terminal.can_ask or not is_utf8(stream) or paint_for(stream) is plain:
        return False
    try:
        columns, lines = os.get_terminal_size(stream.fileno())
    except OSError:
        return False
    shown = qr_code(text, columns=columns, lines=lines - other_lines)
    if shown is None:
        return False
    terminal.instruct(about)
    terminal.show("\n".join(shown), style=Style.scanned)
    return True


def _in_blocks(modules: Sequence[Iterable[int]]) -> list[str]:
    light = [0] * len(modules)
    pairs = zip_longest(modules[::2], modules[1::2], fillvalue=light)
    return ["".join(BLOCKS[pair] for pair in zip(above, below, strict=True)) for above, below in pairs]
