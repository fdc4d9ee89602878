"""Verifies the signatures of id tokens with joserfc (RFC 7515); imported late, because it is heavy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from joserfc import errors, jwk, jws
from joserfc.jwa import JWSAlgModel

from everyauth_cli.model import Secret


class _Registry(jws.JWSRegistry):
    """Allows the one algorithm that it is given, and any header parameter but an unknown `crit` one.

    joserfc warns of algorithms with deprecated names, such as EdDSA (RFC 9864); here the catalogue chooses.
    """

    # A certificate chain in the header (x5c) takes some kilobytes.
    max_header_length = max_signature_length = 16 * 1024

    def get_alg(self, name: str) -> JWSAlgModel:
        if name not in (self.allowed or ()):
            raise errors.UnsupportedAlgorithmError(f"Algorithm of '{name}' is not allowed")
        return self.algorithms[name]


def is_signed(text: Secret[str], key: Mapping[str, Any], *, algorithm: str) -> bool:
    """Return whether the compact JWS has a valid signature of this algorithm and key (a JWK, RFC 7517)."""
    registry = _Registry(algorithms=[algorithm], strict_check_header=False)
    try:
        imported = jwk.import_key({name: value for name, value in key.items() if value is not None})
        jws.deserialize_compact(text.reveal(), imported, registry=registry)
    except (errors.JoseError, errors.SecurityWarning, ValueError, TypeError, LookupError):
        return False
    return True
