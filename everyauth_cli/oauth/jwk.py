"""Private keys of a client as JWKs (RFC 7517), as far as that takes no cryptography."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from everyauth_cli.model import Secret

BY_CURVE = {"P-256": "ES256", "P-384": "ES384", "P-521": "ES512", "Ed25519": "EdDSA"}
"""The algorithm of each curve (RFC 7518 section 3.4, RFC 8037 section 3.1)."""
BY_RSA = ("RS256", "PS256", "RS384", "PS384", "RS512", "PS512")
PUBLIC = ("kty", "crv", "x", "y", "n", "e", "kid", "alg")


def public_jwks(keys: Sequence[Secret[str]]) -> dict[str, Any]:
    """Return the public keys of private ones as a JWK Set (RFC 7517 section 5), to register at a service."""
    return {"keys": [{**public_fields(key), "use": "sig", "alg": algorithm_of(key, ())} for key in keys]}


def algorithm_of(key: Secret[str], accepted: Sequence[str]) -> str | None:
    """Return the algorithm that a key signs with, the first of the accepted ones (any if there are none); or None."""
    able = algorithms_of(public_fields(key))
    return next((name for name in accepted or able if name in able), None)


def algorithms_of(jwk: Mapping[str, Any]) -> list[str]:
    """Return the algorithms that a key can sign with, the usual one first: its own, if it is for that one alone."""
    if "alg" in jwk:
        return [str(jwk["alg"])]
    return [BY_CURVE[jwk["crv"]]] if "crv" in jwk else [*BY_RSA]


def kind_of(key: Secret[str]) -> str:
    """Name the kind of a key: "RSA", or its curve."""
    jwk = public_fields(key)
    return str(jwk.get("crv", jwk["kty"]))


def public_fields(key: Secret[str]) -> dict[str, Any]:
    """Return the fields of a private key that are not secret."""
    jwk = Secret(json.loads(key.reveal()))
    return {name: jwk.reveal()[name] for name in PUBLIC if name in jwk.reveal()}
