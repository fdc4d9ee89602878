"""Signs requests of the `requests` library with a current access token."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

from requests import PreparedRequest, Response
from requests.auth import AuthBase

from everyauth_cli.bearer.request_body import rewinder
from everyauth_cli.bearer.signing import Signed, Signer
from everyauth_cli.errors import RejectedAlthoughNew
from everyauth_cli.flows.step_up import Find, more_access
from everyauth_cli.oauth.dpop import HEADER
from everyauth_cli.store.credential import AccessToken


class RequestsAuth(AuthBase):
    """Bearer authentication (RFC 6750 section 2.1) that gets the current access token for each request.

    After a 401 it gets another token than the rejected one and sends the request once more, if its body can be sent
    again. A 401 for a token that was just issued is returned as it is. It keeps no token, and many threads may share
    it. At a server that is known by its URL, where `find` returns the identity, a 403 that asks for more access raises
    `LoginRequired`. A token that is bound to a key is sent with proofs, as by `HttpxAuth`.
    """

    def __init__(
        self, current: Callable[..., AccessToken], *, clock: Callable[[], int], find: Find | None = None
    ) -> None:
        self._current = current
        self._signer = Signer(clock)
        self._find = find

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        rewind = rewinder([request.body])
        signed = Signed(self._signer, self._current(), rewind=rewind)
        request.register_hook("response", functools.partial(self._answered, signed=signed, rewind=rewind))
        return signed.sign(request)  # type: ignore[no-any-return]

    def _answered(self, response: Response, *, signed: Signed, rewind: Callable[[], bool], **how: Any) -> Response:  # noqa: ANN401 - as the adapter
        """Send the request again with another token and return that response, if this token was answered with 401.

        What another host answers after a redirect is not about the token, which was not sent there. The second request
        has no hook, so there is no third.
        """
        if not signed.is_for(response):
            return response
        if response.is_redirect:
            # The proof is for this place; the request that follows is signed when it is answered.
            response.request.headers.pop(HEADER, None)
            return response
        response = _proved(response, signed, how)
        if not signed.is_rejected(response):
            return self._checked(response)
        _drain(response)
        try:
            fresh = Signed(self._signer, self._current(rejected=signed.token), rewind=rewind)
        except RejectedAlthoughNew:
            return response
        return self._checked(_proved(_sent_again(response, fresh, how), fresh, how)) if rewind() else response

    def _checked(self, response: Response) -> Response:
        """Return a response; raise `LoginRequired` for one that asks for more access."""
        challenge = response.headers.get("WWW-Authenticate", "")
        if error := more_access(response.status_code, [challenge], self._find):
            response.close()
            raise error
        return response


def _proved(response: Response, signed: Signed, how: Mapping[str, Any]) -> Response:
    """Return the response to a request after it was sent again for its proof, where that was what was refused."""
    while signed.repeats(response):
        _drain(response)
        response = _sent_again(response, signed, how)
    return response


def _drain(response: Response) -> None:
    response.content  # noqa: B018 - read to its end, so that the connection can be used again
    response.close()


def _sent_again(response: Response, signed: Signed, how: Mapping[str, Any]) -> Response:
    request = signed.sign(response.request.copy())
    second: Response = response.connection.send(request, **how)
    second.history.append(response)
    second.request = request
    return second
