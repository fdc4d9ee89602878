"""Signs the requests of an `httpx` or `httpx2` client with a current access token."""

from __future__ import annotations

import functools
from collections.abc import AsyncGenerator, Callable, Generator, Iterable
from contextlib import suppress
from typing import Any

import httpx

from everyauth_cli.async_methods import read_and_await
from everyauth_cli.bearer.request_body import rewinder
from everyauth_cli.bearer.signing import Signed, Signer
from everyauth_cli.errors import LoginRequired, RejectedAlthoughNew
from everyauth_cli.flows.step_up import Find, more_access
from everyauth_cli.store.credential import AccessToken

try:  # the app's choice, and none of our dependencies
    from httpx2 import Auth as Httpx2Auth
except ImportError:
    Httpx2Auth = object  # type: ignore[assignment, misc]


class HttpxAuth(httpx.Auth, Httpx2Auth):  # type: ignore[misc]  # their auth_flow differs, and is not used
    """Bearer authentication (RFC 6750 section 2.1) that gets the current access token for each request.

    After a 401 it gets another token than the rejected one and sends the request once more, if its body can be sent
    again: a stream is not kept in memory, so for a generator the 401 is returned, and the next request has the new
    token. A 401 for a token that was just issued is returned as it is, since another token would get it too. It keeps
    no token, and many threads and tasks may share it, in clients of both libraries. At a server that is known by its
    URL, where `find` returns the identity, a 403 that asks for more access raises `LoginRequired`.

    Where the token is bound to a key (DPoP, RFC 9449 section 7), each request has a proof of its own, and one that is
    refused for its nonce is sent once more with the new one. `clock` gives milliseconds since the epoch.
    """

    def __init__(
        self,
        current: Callable[..., AccessToken],
        *,
        service: str,
        clock: Callable[[], int],
        find: Find | None = None,
    ) -> None:
        self._current = current
        self._service = service
        self._signer = Signer(clock)
        self._find = find

    # The requests and responses of both libraries have the same attributes.
    def sync_auth_flow(self, request: Any) -> Generator[Any, Any, None]:  # noqa: ANN401
        rewind = rewinder(_parts(request.stream))
        signed = Signed(self._signer, self._current(), rewind=rewind)
        response = yield signed.sign(request)
        while signed.repeats(response):
            response = yield signed.sign(response.request)
        if signed.is_rejected(response):
            with suppress(RejectedAlthoughNew):
                signed = Signed(self._signer, self._current(rejected=signed.token), rewind=rewind)
                if rewind():
                    response = yield signed.sign(request)
                    while signed.repeats(response):
                        response = yield signed.sign(response.request)
        if error := self._more_access(response):
            raise error

    async def async_auth_flow(self, request: Any) -> AsyncGenerator[Any, Any]:  # noqa: ANN401
        rewind = rewinder(_parts(request.stream))
        signed = Signed(self._signer, await read_and_await(self._service, self._current), rewind=rewind)
        response = yield signed.sign(request)
        while signed.repeats(response):
            response = yield signed.sign(response.request)
        if signed.is_rejected(response):
            with suppress(RejectedAlthoughNew):
                another = functools.partial(self._current, rejected=signed.token)
                signed = Signed(self._signer, await read_and_await(self._service, another), rewind=rewind)
                if rewind():
                    response = yield signed.sign(request)
                    while signed.repeats(response):
                        response = yield signed.sign(response.request)
        if self._find is not None:
            check = functools.partial(self._more_access, response)
            if error := await read_and_await(self._service, check):
                raise error

    def _more_access(self, response: Any) -> LoginRequired | None:  # noqa: ANN401
        if "Authorization" not in response.request.headers:
            # Another host, after a redirect: it was sent no token, and must not choose the scopes of a login.
            return None
        return more_access(response.status_code, [response.headers.get("WWW-Authenticate", "")], self._find)


def _parts(stream: Any) -> Iterable[object]:  # noqa: ANN401
    """Return what a request's stream reads: files of a form, one file, bytes, or an iterable of bytes.

    A stream that neither library made is the only part.
    """
    if hasattr(stream, "fields"):
        return [getattr(field, "file", None) for field in stream.fields]
    return [getattr(stream, "_stream", stream)]
