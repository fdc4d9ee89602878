"""Async twins of methods: the same call in a thread, so that the event loop goes on meanwhile."""

from __future__ import annotations

import functools
from collections.abc import Callable, Coroutine
from typing import Any, Concatenate, ParamSpec, TypeVar

S = TypeVar("S")
P = ParamSpec("P")
R = TypeVar("R")


def async_method(method: Callable[Concatenate[S, P], R]) -> Callable[Concatenate[S, P], Coroutine[Any, Any, R]]:
    """The async async_method of a method, with its parameters, result and errors; its name has an `a` before it.

    A task that is cancelled waits no longer, but the call goes on in its thread to its end: a refresh that was sent
    still keeps its token.
    """

    @functools.wraps(method)
    async def call(self: S, /, *arguments: P.args, **named: P.kwargs) -> R:
        import asyncio  # not loaded where nothing is async: start-up is paid at every call

        return await asyncio.to_thread(method, self, *arguments, **named)

    call.__name__ = f"a{method.__name__}"
    call.__qualname__ = call.__qualname__.removesuffix(method.__name__) + call.__name__
    return call
