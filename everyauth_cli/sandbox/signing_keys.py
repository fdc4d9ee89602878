"""The keys that sign id tokens, and their public JWK Set."""

from __future__ import annotations

import hmac
import json
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from everyauth_cli.oauth import base64url

if TYPE_CHECKING:
    from joserfc.jwk import RSAKey

RSA = "RS256"
HMAC = "HS256"
"""The algorithms, by the type of their key (RFC 7518 section 3.1)."""


class SigningKeys:
    """The RSA keys of one authorization server, of which the newest signs. Any thread may call any method.

    The first key is made when it is needed, so that a server starts at once; that is when joserfc is imported.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._keys: list[RSAKey] = []

    def sign(self, claims: Mapping[str, Any]) -> str:
        """Return the claims as a compact JWS (RFC 7515 section 3.1)."""
        from joserfc import jws

        newest = self._published()[0]
        return jws.serialize_compact({"alg": RSA, "kid": newest.kid}, _json(claims), newest, algorithms=[RSA])

    def public_keys(self) -> dict[str, Any]:
        """Return the public keys as a JWK Set (RFC 7517 section 5)."""
        return {"keys": [key.as_dict(private=False) for key in self._published()]}

    def rotate(self, *, keep: int = 0) -> None:
        """Sign with a new key from now on; the newest `keep` of the old ones stay published."""
        with self._lock:
            self._keys = [_new_key(), *self._keys[:keep]]

    def _published(self) -> list[RSAKey]:
        with self._lock:
            self._keys = self._keys or [_new_key()]
            return self._keys


def claims_signed_by(jwk: Mapping[str, str], token: str, *, kid: str | None = None) -> dict[str, Any] | None:
    """Return the claims of a client's assertion (RFC 7523 section 3); None unless that key signed it.

    Its header names the key's `kid`, unless another is given.
    """
    from joserfc import errors, jws
    from joserfc.jwk import ECKey

    try:
        found = jws.deserialize_compact(token, ECKey.import_key(dict(jwk)), algorithms=[jwk["alg"]])
        claims = json.loads(found.payload)
    except (errors.JoseError, ValueError):
        return None
    return claims if isinstance(claims, dict) and found.headers().get("kid") == (kid or jwk["kid"]) else None


def sign_with_secret(secret: str, claims: Mapping[str, Any]) -> str:
    """Return the claims as a compact JWS that is signed with the client secret (OpenID Connect Core section 10.1)."""
    # By hand: joserfc warns of a short secret, which a test of an app may well have.
    signed = f"{base64url.encode(_json({'alg': HMAC}))}.{base64url.encode(_json(claims))}"
    return f"{signed}.{base64url.encode(hmac.digest(secret.encode(), signed.encode(), 'sha256'))}"


def _json(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _new_key() -> RSAKey:
    from joserfc.jwk import RSAKey

    # The kid is the key's thumbprint (RFC 7638).
    return RSAKey.generate_key(2048, {"use": "sig", "alg": RSA}, auto_kid=True)
