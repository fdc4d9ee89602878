"""Draws rows as a table that fits a terminal."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Sequence
from typing import TextIO

from everyauth_cli.cli.style import Mark, Style, paint_for, plain

UNBROKEN = 20
"""Single words up to so many characters are never broken over lines."""
GAP = 2
"""Blanks between two columns."""


def draw_table(
    stream: TextIO,
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    marks: Sequence[Mark] = (),
    extra: Collection[str] = (),
    header: bool = True,
) -> None:
    """Draw rows on a terminal, each with its mark; columns that are empty in all rows are left out.

    The `extra` columns are shown as far as there is room for them, the first ones first.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    styled = paint_for(stream) is not plain
    # Rich would take a terminal without abilities for one of 80 columns.
    width, height = shutil.get_terminal_size()
    console = Console(file=stream, highlight=False, width=width, height=height, color_system="auto" if styled else None)
    shown = _shown(columns, rows, extra, room=console.width - (GAP if marks else 0))
    table = Table(box=None, padding=(0, GAP, 0, 0), pad_edge=False, show_header=header, header_style=Style.heading)
    if marks:
        table.add_column("", width=1)
    for at in shown:
        # A name or an id is typed again in the next command: it stays in one piece.
        whole = all(" " not in row[at] and len(row[at]) <= UNBROKEN for row in rows)
        table.add_column(columns[at].upper(), overflow="fold", no_wrap=whole)
    for number, row in enumerate(rows):
        first = [Text(marks[number], style=marks[number].style)] if marks else []
        table.add_row(*first, *(Text(row[at]) for at in shown))
    console.print(table)


def _shown(columns: Sequence[str], rows: Sequence[Sequence[str]], extra: Collection[str], *, room: int) -> list[int]:
    """Return the columns that are not empty, without those of the extra ones that there is no room for."""
    widths = [max((len(row[at]) for row in (columns, *rows)), default=0) + GAP for at in range(len(columns))]
    filled = [at for at in range(len(columns)) if not rows or any(row[at] for row in rows)]
    kept = [at for at in filled if columns[at] not in extra]
    left = room + GAP - sum(widths[at] for at in kept)
    for name in extra:
        at = columns.index(name)
        if at in filled and widths[at] <= left:
            kept.append(at)
            left -= widths[at]
    return sorted(kept)
