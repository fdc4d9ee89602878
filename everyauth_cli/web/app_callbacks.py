"""The functions that an app passes in, which may be async while the login calls them from a thread."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

MappedId = str | None | Awaitable[str | None]
"""The result of `map_to_user_id` and `map_to_tenant_id`."""
Authorized = bool | None | Awaitable[bool | None]
"""The result of `on_authorized`."""
RunAsync = Callable[[Callable[[Awaitable[Any]], Coroutine[Any, Any, Any]], Awaitable[Any]], Any]
"""Runs an async function with its argument in the app's event loop, and waits for its result."""


def as_sync(function: Callable[..., T | Awaitable[T]], run: RunAsync) -> Callable[..., T]:
    """Return the function as one that waits for its result if that is awaitable."""

    def call(*arguments: object) -> T:
        result: Any = function(*arguments)
        # The class tells a value from one that a framework evaluates late, which has every method, __await__ too.
        value: T = run(_await, result) if issubclass(result.__class__, Awaitable) else result
        return value

    return call


async def _await(awaitable: Awaitable[T]) -> T:
    return await awaitable
