"""Signs requests of the `requests` library with a current access token."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from requests import PreparedRequest, Response, codes
from requests.auth import AuthBase

from everyauth_cli.bearer.request_body import rewinder
from everyauth_cli.errors import RejectedAlthoughNew
from everyauth_cli.flows.step_up import Find, more_access
from everyauth_cli.model import Secret


class RequestsAuth(AuthBase):
    """Bearer authentication (RFC 6750 section 2.1) that gets the current access token for each request.

    After a 401 it gets another token than the rejected one and sends the request once more, if its body can be sent
    again. A 401 for a token that was just issued is returned as it is. It keeps no token, and many threads may share
    it. At a server that is known by its URL, where `find` returns the identity, a 403 that asks for more access raises
    `LoginRequired`.
    """

    def __init__(self, current: Callable[..., Secret[str]], *, find: Find | None = None) -> None:
        self._current = current
        self._find = find

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        token = self._current()
        _sign(request, token)
        retry = functools.partial(self._retried, token=token, rewind=rewinder([request.body]))
        request.register_hook("response", retry)
        return request

    def _retried(self, response: Response, *, token: Secret[str], rewind: Callable[[], bool], **how: Any) -> Response:  # noqa: ANN401 - as the adapter
        """Send the request again with another token and return that response, if this token was answered with 401.

        What another host answers after a redirect is not about the token, which was not sent there. The second request
        has no hook, so there is no third.
        """
        if response.request.headers.get("Authorization") != _bearer(token):
            return response
        if response.status_code != codes.unauthorized:
            return self._checked(response)
        response.content  # noqa: B018 - read to its end, so that the connection can be used again
        response.close()
        try:
            fresh = self._current(rejected=token)
        except RejectedAlthoughNew:
            return response
        if not rewind():
            return response
        request = response.request.copy()
        _sign(request, fresh)
        second: Response = response.connection.send(request, **how)
        second.history.append(response)
        second.request = request
        return self._checked(second)

    def _checked(self, response: Response) -> Response:
        """Return a response; raise `LoginRequired` for one that asks for more access."""
        challenge = response.headers.get("WWW-Authenticate", "")
        if error := more_access(response.status_code, [challenge], self._find):
            response.close()
            raise error
        return response


def _sign(request: PreparedRequest, token: Secret[str]) -> None:
    request.headers["Authorization"] = _bearer(token)


def _bearer(token: Secret[str]) -> str:
    return f"Bearer {token.reveal()}"
