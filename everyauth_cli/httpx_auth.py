"""Signs the requests of an `httpx` client with a current token."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import suppress

import httpx

from everyauth_cli.errors import RejectedAlthoughNew
from everyauth_cli.model import Secret


class HttpxAuth(httpx.Auth):
    """Bearer authentication (RFC 6750 section 2.1) whose token is asked for anew at each request.

    After a 401 it is asked for again, without the one rejected, and the request is sent once more. A 401 for a token
    that was just issued is returned as it is: another token would get it too. It holds no token, and many threads and
    tasks may share it.
    """

    def __init__(self, current: Callable[..., Secret[str]]) -> None:
        self._current = current

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.read()  # a stream can be sent but once
        token = self._current()
        response = yield _signed(request, token)
        if _is_rejected(response, token):
            with suppress(RejectedAlthoughNew):
                yield _signed(request, self._current(rejected=token))

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        await request.aread()
        token = await asyncio.to_thread(self._current)
        response = yield _signed(request, token)
        if _is_rejected(response, token):
            with suppress(RejectedAlthoughNew):
                yield _signed(request, await asyncio.to_thread(self._current, rejected=token))


def _signed(request: httpx.Request, token: Secret[str]) -> httpx.Request:
    request.headers["Authorization"] = f"Bearer {token.reveal()}"
    return request


def _is_rejected(response: httpx.Response, token: Secret[str]) -> bool:
    """Whether it was the token that got a 401, and not what a redirect led to, which was not sent it."""
    sent = response.request.headers.get("Authorization")
    return response.status_code == httpx.codes.UNAUTHORIZED and sent == f"Bearer {token.reveal()}"
