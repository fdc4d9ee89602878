"""Locks between all processes that use a store: what they have in common."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Protocol

from everyauth_cli.errors import StoreBusy


class Locks(Protocol):
    """Locks between all processes that use a store, one for each name."""

    def hold(self, name: str, *, timeout: float) -> AbstractContextManager[None]:
        """Hold the lock of `name`; raises `TimeoutError` after `timeout` seconds."""
        ...


@contextmanager
def hold(
    locks: Locks, name: str, *, timeout: float, task: str, hint: str = "wait for it to end, or end it, and try again"
) -> Iterator[None]:
    """Hold the lock of `name`, which other processes hold during their `task`, such as "writing to the keyring".

    Raises `StoreBusy` after `timeout` seconds.
    """
    with ExitStack() as stack:
        try:
            stack.enter_context(locks.hold(name, timeout=timeout))
        except TimeoutError:
            since = f"has been {task} for {timeout:.0f} s" if timeout else f"is {task}"
            raise StoreBusy(f"another process {since}", hint=hint) from None
        yield
