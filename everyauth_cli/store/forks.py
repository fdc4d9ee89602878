"""Lets what belongs to one process, such as locks and threads, begin anew in a child of a fork."""

from __future__ import annotations

import os
import weakref
from typing import Protocol


class OfOneProcess(Protocol):
    """An object whose state is of use in one process alone."""

    def begin_anew(self) -> None:
        """Take the state of an object that has just been made."""


_objects: weakref.WeakSet[OfOneProcess] = weakref.WeakSet()


def begin_anew_in_forks(one: OfOneProcess) -> None:
    """Have an object begin anew in each child: before another thread runs there, which could see half of that."""
    _objects.add(one)


def _begin_anew() -> None:
    for one in _objects:
        one.begin_anew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew)
