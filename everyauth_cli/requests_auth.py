"""Signs the requests of `requests` with a current token."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from requests import PreparedRequest, Response, codes
from requests.auth import AuthBase

from everyauth_cli.errors import RejectedAlthoughNew
from everyauth_cli.model import Secret


class RequestsAuth(AuthBase):
    """Bearer authentication (RFC 6750 section 2.1) whose token is asked for anew at each request.

    After a 401 it is asked for again, without the one rejected, and the request is sent once more, if its body can be.
    A 401 for a token that was just issued is returned as it is. It holds no token, and many threads may share it.
    """

    def __init__(self, current: Callable[..., Secret[str]]) -> None:
        self._current = current

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        token = self._current()
        _sign(request, token)
        tell = getattr(request.body, "tell", None)
        again = functools.partial(self._again, token=token, start=tell() if tell else None)
        request.register_hook("response", again)
        return request

    def _again(self, response: Response, *, token: Secret[str], start: int | None, **how: Any) -> Response:  # noqa: ANN401 - what the adapter takes
        """The answer to the same request with a new token, if it was this token that got a 401.

        What a redirect to another host led to was not sent it. The hook of the first request is not called for the
        second, so there is no third.
        """
        sent = response.request.headers.get("Authorization")
        if response.status_code != codes.unauthorized or sent != _bearer(token):
            return response
        try:
            fresh = self._current(rejected=token)
        except RejectedAlthoughNew:
            return response
        response.content  # noqa: B018 - read to its end, so that the connection can be used again
        response.close()
        if not _rewind(response.request, start):
            return response
        request = response.request.copy()
        _sign(request, fresh)
        answer: Response = response.connection.send(request, **how)
        answer.history.append(response)
        answer.request = request
        return answer


def _sign(request: PreparedRequest, token: Secret[str]) -> None:
    request.headers["Authorization"] = _bearer(token)


def _bearer(token: Secret[str]) -> str:
    return f"Bearer {token.reveal()}"


def _rewind(request: PreparedRequest, start: int | None) -> bool:
    """Make a body ready to be sent again; False for a stream, which cannot be."""
    if request.body is None or isinstance(request.body, str | bytes):
        return True
    seek = getattr(request.body, "seek", None)
    if seek is None or start is None:
        return False
    seek(start)
    return True
