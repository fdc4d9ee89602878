"""Puts an access token into an app's request: as a bearer token, or with a proof of the key that it is bound to."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from everyauth_cli.flows.proofs import Nonces
from everyauth_cli.model import Secret
from everyauth_cli.oauth import dpop
from everyauth_cli.services.rules import BEARER_SCHEME
from everyauth_cli.store.credential import AccessToken

AUTHORIZATION = "Authorization"


class Signer:
    """Signs requests (RFC 6750 section 2.1, RFC 9449 section 7.1); many threads may share it.

    It remembers the last nonce of each origin. `clock` gives milliseconds since the epoch.
    """

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._nonces = Nonces()

    # Requests and responses of several libraries, whose attributes have the same names.
    def sign(self, request: Any, token: AccessToken) -> str:  # noqa: ANN401
        """Put a token into the headers of a request, with a new proof; return the nonce in it."""
        request.headers[AUTHORIZATION] = _authorization(token)
        if token.proof_key is None:
            return ""
        url, nonce = str(request.url), self._nonces.of(str(request.url))
        key = dpop.usable_key(token.proof_key)
        request.headers[dpop.HEADER] = dpop.proof(
            key, method=request.method, url=url, now=self._clock(), nonce=nonce, access_token=token.value
        )
        return nonce

    def learn(self, response: Any) -> str:  # noqa: ANN401
        """Remember the nonce in a response, and return it; empty where it has none that can be used."""
        return self._nonces.learn(str(response.request.url), response.headers.get("DPoP-Nonce"))


class Signed:
    """The requests that are sent for one request of an app with one token."""

    def __init__(self, signer: Signer, token: AccessToken, *, rewind: Callable[[], bool]) -> None:
        self._signer = signer
        self._token = token
        self._rewind = rewind
        self._nonce = self._url = ""
        self._repeated_for: set[str] = set()

    @property
    def token(self) -> Secret[str]:
        return self._token.value

    def sign(self, request: Any) -> Any:  # noqa: ANN401
        """Return the request with the token in its headers."""
        self._nonce, self._url = self._signer.sign(request, self._token), str(request.url)
        return request

    def is_for(self, response: Any) -> bool:  # noqa: ANN401
        """Return whether a response is to a request with the token; after a redirect to another host it is not."""
        return bool(response.request.headers.get(AUTHORIZATION) == _authorization(self._token))

    def repeats(self, response: Any) -> bool:  # noqa: ANN401
        """Return whether the request of a response is to be signed and sent again: what was refused is the proof.

        It lacked the nonce that the response has, or it was for the URL before a redirect; once for each.
        """
        if self._token.proof_key is None or not self.is_for(response):
            return False
        nonce = self._signer.learn(response)
        if response.status_code != HTTPStatus.UNAUTHORIZED:
            return False
        is_nonce_new = _refusal(response) == dpop.USE_NONCE and nonce not in ("", self._nonce)
        reason = "nonce" if is_nonce_new else "redirect" if str(response.request.url) != self._url else ""
        if not reason or reason in self._repeated_for:
            return False
        self._repeated_for.add(reason)
        return self._rewind()

    def is_rejected(self, response: Any) -> bool:  # noqa: ANN401
        """Return whether the token was answered with 401; a refusal of the proof says nothing of the token."""
        if response.status_code != HTTPStatus.UNAUTHORIZED or not self.is_for(response):
            return False
        return self._token.proof_key is None or not _refusal(response)


def _authorization(token: AccessToken) -> str:
    return f"{dpop.SCHEME if token.proof_key else BEARER_SCHEME} {token.value.reveal()}"


def _refusal(response: Any) -> str:  # noqa: ANN401
    return dpop.challenged_proof([response.headers.get("WWW-Authenticate", "")])
