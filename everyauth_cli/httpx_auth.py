"""Signs the requests of an `httpx` client with a current access token."""

from __future__ import annotations

import functools
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import suppress

import httpx

from everyauth_cli.async_methods import read_and_await
from everyauth_cli.errors import RejectedAlthoughNew
from everyauth_cli.model import Secret


class HttpxAuth(httpx.Auth):
    """Bearer authentication (RFC 6750 section 2.1) that gets the current access token for each request.

    After a 401 it gets another token than the rejected one and sends the request once more. A 401 for a token that was
    just issued is returned as it is, since another token would get it too. It keeps no token, and many threads and
    tasks may share it.
    """

    def __init__(self, current: Callable[..., Secret[str]], *, service: str) -> None:
        self._current = current
        self._service = service

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.read()  # a stream could be sent only once
        token = self._current()
        response = yield _signed(request, token)
        if _is_rejected(response, token):
            with suppress(RejectedAlthoughNew):
                yield _signed(request, self._current(rejected=token))

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        await request.aread()
        token = await read_and_await(self._service, self._current)
        response = yield _signed(request, token)
        if _is_rejected(response, token):
            with suppress(RejectedAlthoughNew):
                another = functools.partial(self._current, rejected=token)
                yield _signed(request, await read_and_await(self._service, another))


def _signed(request: httpx.Request, token: Secret[str]) -> httpx.Request:
    request.headers["Authorization"] = f"Bearer {token.reveal()}"
    return request


def _is_rejected(response: httpx.Response, token: Secret[str]) -> bool:
    """Return whether the token was answered with 401; after a redirect to another host it was not sent."""
    sent = response.request.headers.get("Authorization")
    return response.status_code == httpx.codes.UNAUTHORIZED and sent == f"Bearer {token.reveal()}"
