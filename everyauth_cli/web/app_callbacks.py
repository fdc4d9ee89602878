"""The app's own functions, which may be async, as a login calls them from its thread."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from inspect import isawaitable
from typing import Any, TypeVar

T = TypeVar("T")

Mapped = str | None | Awaitable[str | None]
Authorized = bool | None | Awaitable[bool | None]
Run = Callable[[Callable[[Awaitable[Any]], Coroutine[Any, Any, Any]], Awaitable[Any]], Any]
"""Runs an async function with its argument in the app's event loop, and waits for it."""


def waited_for(function: Callable[..., T | Awaitable[T]], run: Run) -> Callable[..., T]:
    """The function with what it returns waited for, if that is awaitable."""

    def called(*arguments: object) -> T:
        result = function(*arguments)
        waited: T = run(_result, result) if isawaitable(result) else result
        return waited

    return called


async def _result(awaitable: Awaitable[T]) -> T:
    return await awaitable
