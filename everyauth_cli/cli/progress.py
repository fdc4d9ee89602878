"""A progress bar on a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from everyauth_cli.cli.terminal import Terminal


@contextmanager
def progress(terminal: Terminal, label: str, total: Callable[[], int | None]) -> Iterator[Callable[[], None]]:
    """Show a progress bar with a count while the block runs; each call of the function it gives is one step.

    The total is asked for if the bar is seen; None where it is not known.
    """
    if not terminal.shows_progress:
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=Console(file=terminal.stderr), transient=True) as bar:
        task = bar.add_task(label, total=total())
        yield lambda: bar.advance(task)
