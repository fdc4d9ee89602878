"""The keys that id tokens are signed with, and what is published of them."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from joserfc.jwk import RSAKey

RSA = "RS256"
HMAC = "HS256"
"""The algorithms, by the key that they sign with (RFC 7518 section 3.1)."""


class SigningKeys:
    """RSA keys of one authorization server: the newest one signs. Any thread may call any method.

    The first is made when it is needed, so that starting a server does not wait for it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._keys: list[RSAKey] = []

    def sign(self, claims: Mapping[str, Any]) -> str:
        """A compact JWS of the claims (RFC 7515 section 3.1)."""
        from joserfc import jws

        newest = self._published()[0]
        payload = json.dumps(claims, separators=(",", ":"))
        return jws.serialize_compact({"alg": RSA, "kid": newest.kid}, payload, newest, algorithms=[RSA])

    def sign_with(self, secret: str, claims: Mapping[str, Any]) -> str:
        """The same, signed with a client secret (OpenID Connect Core section 10.1)."""
        import warnings

        from joserfc import errors, jws
        from joserfc.jwk import OctKey

        with warnings.catch_warnings():
            # It is shorter than joserfc advises, and known to everyone besides.
            warnings.simplefilter("ignore", errors.SecurityWarning)
            key = OctKey.import_key(secret)
            payload = json.dumps(claims, separators=(",", ":"))
            return jws.serialize_compact({"alg": HMAC}, payload, key, algorithms=[HMAC])

    def public_keys(self) -> dict[str, Any]:
        """The public halves as a JWK Set (RFC 7517 section 5)."""
        return {"keys": [key.as_dict(private=False) for key in self._published()]}

    def rotate(self, *, keep: int = 0) -> None:
        """Sign with a new key from now on; of those before it the newest `keep` stay published."""
        with self._lock:
            self._keys = [_new_key(), *self._keys[:keep]]

    def _published(self) -> list[RSAKey]:
        with self._lock:
            self._keys = self._keys or [_new_key()]
            return self._keys


def _new_key() -> RSAKey:
    from joserfc.jwk import RSAKey

    # The kid is the key's thumbprint (RFC 7638).
    return RSAKey.generate_key(2048, {"use": "sig", "alg": RSA}, auto_kid=True)
