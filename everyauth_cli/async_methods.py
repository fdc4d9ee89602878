"""Makes the async method of a method: the same call in a thread, while the event loop goes on."""

from __future__ import annotations

import functools
from collections.abc import Callable, Coroutine
from typing import Any, Concatenate, ParamSpec, TypeVar

S = TypeVar("S")
P = ParamSpec("P")
R = TypeVar("R")


def async_method(method: Callable[Concatenate[S, P], R]) -> Callable[Concatenate[S, P], Coroutine[Any, Any, R]]:
    """Return the async method of a method: its parameters, result and errors, and its name with an `a` before it.

    A task that is cancelled stops waiting, but the call goes on in its thread to its end: a refresh that was sent
    still stores its token.
    """

    @functools.wraps(method)
    async def call(self: S, /, *args: P.args, **kwargs: P.kwargs) -> R:
        import asyncio  # not loaded where nothing is async: start-up is paid at every call

        return await asyncio.to_thread(method, self, *args, **kwargs)

    call.__name__ = f"a{method.__name__}"
    call.__qualname__ = call.__qualname__.removesuffix(method.__name__) + call.__name__
    return call
