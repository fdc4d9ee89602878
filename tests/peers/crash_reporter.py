"""Reads an error as a crash reporter does that keeps the locals of every frame."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator

CANARY = "canary"
"""A part of every secret of these tests."""
TOKENS = "(access|refresh|code|secret)-canary|canary-password"


def frames(error: BaseException | None) -> Iterator[traceback.FrameSummary]:
    """The frames of an error, its causes and its contexts, with the locals that a crash reporter keeps."""
    while error is not None:
        yield from traceback.StackSummary.extract(traceback.walk_tb(error.__traceback__), capture_locals=True)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def reported(error: BaseException) -> str:
    """Return what a crash reporter stores of an error, except for the frames of these tests."""
    shown = [f"{frame.filename}:{frame.lineno} {frame.name} {frame.locals}" for frame in frames(error)]
    return "\n".join([*(one for one in shown if "/tests/" not in one.partition(" ")[0]), repr(error)])


def assert_hidden(error: BaseException) -> None:
    leaks = [
        f"{frame.filename}:{frame.lineno} {frame.name}: {name} = {value[:300]}"
        for frame in frames(error)
        for name, value in (frame.locals or {}).items()
        if CANARY in value and "/tests/" not in frame.filename
    ]
    assert not leaks, "\n".join(leaks)
    assert CANARY not in repr(error)


def maybe_raised(do: Callable[[], object]) -> BaseException | None:
    try:
        do()
    except BaseException as error:  # noqa: BLE001
        return error
    return None


def raised(do: Callable[[], object]) -> BaseException:
    error = maybe_raised(do)
    assert error is not None
    return error
