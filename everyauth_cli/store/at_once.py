"""Marks a call that an event loop makes by itself, in which nothing may be waited for."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import TypeVar

R = TypeVar("R")

_may_wait = ContextVar("everyauth_may_wait", default=True)


class WouldWait(BaseException):
    """The call has to wait for something, so it belongs in a thread; no handler of errors is to take it for one."""


def at_once(call: Callable[[], R]) -> R:
    """Make a call that reads memory and quiet local files alone. Raises `WouldWait` where that does not do."""
    before = _may_wait.set(False)
    try:
        return call()
    finally:
        _may_wait.reset(before)


def may_wait() -> bool:
    return _may_wait.get()


def check_may_wait() -> None:
    """Raise `WouldWait` in a call that may not wait; for what comes before a wait."""
    if not _may_wait.get():
        raise WouldWait
