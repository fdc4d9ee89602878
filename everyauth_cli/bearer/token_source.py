"""Gives an SDK the current access token wherever it reads its token."""

from __future__ import annotations

from collections.abc import Callable
from typing import Self, overload

from everyauth_cli.model import Secret


class TokenSource:
    """Returns the current access token at each call; keeps none, and many threads may share it.

    As an attribute of a class it is the current token of each object, and what is set there is ignored: many SDKs keep
    the token in an attribute that they read at each request.
    """

    def __init__(self, current: Callable[[], Secret[str]]) -> None:
        self._current = current

    def __call__(self) -> str:
        return self._current().reveal()

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(self, instance: object, owner: type) -> str: ...
    def __get__(self, instance: object | None, owner: type) -> Self | str:
        return self if instance is None else self()

    def __set__(self, instance: object, value: object) -> None:
        """Ignore a token that an SDK keeps for later."""
