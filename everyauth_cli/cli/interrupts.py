"""Delays an interrupt until a block that must not be cut off has ended."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

FROM_OUTSIDE = (signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else []))


@contextmanager
def finished_first(*, on_interrupt: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Let Ctrl-C and SIGTERM wait until the block has ended; a second one is obeyed at once.

    A refresh that is cut off would lose the refresh token that the service has just rotated. `on_interrupt` is called
    at the first signal. In a thread this does nothing: signals come to the main thread, which waits for the others.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    caught: list[int] = []

    def later(number: int, _: FrameType | None) -> None:
        if caught:
            raise KeyboardInterrupt
        caught.append(number)
        on_interrupt()

    before = {number: signal.signal(number, later) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if caught:
        signal.raise_signal(caught[0])


@contextmanager
def ended_cleanly() -> Iterator[None]:
    """Treat an end from outside as Ctrl-C, after which everything is cleaned up."""
    before = {number: signal.signal(number, signal.default_int_handler) for number in FROM_OUTSIDE}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
