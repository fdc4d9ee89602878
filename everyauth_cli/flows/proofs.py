"""Sends the requests of a grant whose tokens are bound to a key, each with a proof of its own (DPoP, RFC 9449)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from everyauth_cli.model import Request, Response, Secret
from everyauth_cli.oauth import dpop
from everyauth_cli.urls import origin

Send = Callable[[Request], Response]
MOST_ORIGINS = 8
"""Servers whose nonces are remembered; a grant has an authorization server and a resource or two."""


class Nonces:
    """The last nonce of each server, by its origin: another server can do nothing with it (section 8.2 and 9)."""

    def __init__(self, known: Mapping[str, str] | None = None) -> None:
        self._known = dict(known or {})

    def of(self, url: str) -> str:
        return self._known.get(origin(url), "")

    def learn(self, url: str, header: str | None) -> str:
        """Remember the nonce in a response, of whatever status, and return it; empty where there is no usable one."""
        nonce, name = dpop.usable_nonce(header), origin(url)
        if nonce:
            # The one that was learnt last is at the end.
            self._known.pop(name, None)
            self._known[name] = nonce
            for oldest in [*self._known][:-MOST_ORIGINS]:
                self._known.pop(oldest, None)
        return nonce

    def as_mapping(self) -> dict[str, str]:
        return dict(self._known)


class Sender:
    """Sends requests of one grant; with a key each has a proof, and the nonce that the server gave last.

    A request that is refused for its nonce was not acted on, so it is sent once more with the new one; never with the
    nonce that was just refused. `clock` gives milliseconds since the epoch.
    """

    def __init__(
        self, send: Send, clock: Callable[[], int], key: Secret[str] | None, nonces: Mapping[str, str] | None = None
    ) -> None:
        self._send = send
        self._clock = clock
        self._key = dpop.usable_key(key) if key else None
        self._nonces = Nonces(nonces)

    @property
    def nonces(self) -> dict[str, str]:
        """The nonces to keep for the next request, whichever process sends it."""
        return self._nonces.as_mapping()

    def send(
        self, request: Request, *, again: Callable[[], Request] | None = None, access_token: Secret[str] | None = None
    ) -> Response:
        """Send a request and return the response.

        `again` makes the request for a second time, where it has more than a proof that serves once, such as a client
        assertion. `access_token` is the one in it, if there is one. Raises what sending raises.
        """
        if self._key is None:
            return self._send(request)
        used = self._nonces.of(request.url)
        response = self._proved(self._key, request, used, access_token)
        nonce = self._nonces.learn(request.url, response.dpop_nonce)
        if nonce in ("", used) or dpop.proof_refusal(response) != dpop.USE_NONCE:
            return response
        response = self._proved(self._key, again() if again else request, nonce, access_token)
        self._nonces.learn(request.url, response.dpop_nonce)
        return response

    def _proved(self, key: Secret[str], request: Request, nonce: str, access_token: Secret[str] | None) -> Response:
        signed = dpop.proved(request, key, now=self._clock(), nonce=nonce, access_token=access_token)
        return self._send(signed)
