"""JSON Web Tokens (RFC 7519) as they are read without a look at the signature; `id_token` verifies those it reads."""

from __future__ import annotations

from typing import Any

from everyauth_cli.model import Secret
from everyauth_cli.oauth import base64url
from everyauth_cli.oauth.response_body import read_json

SIGNED_DOTS, ENCRYPTED_DOTS = 2, 4
"""Between the parts of a signed and of an encrypted one (RFC 7515 section 7.1, RFC 7516 section 7.1)."""


def is_encrypted(text: Secret[str]) -> bool:
    """Return whether it is for the eyes of its audience alone."""
    return text.reveal().count(".") == ENCRYPTED_DOTS


def unverified(text: Secret[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the header and the claims of a signed one; both are empty for anything else."""
    if text.reveal().count(".") != SIGNED_DOTS:
        return {}, {}
    header, claims, _ = text.reveal().split(".")
    return _object(header), _object(claims)


def _object(part: str) -> dict[str, Any]:
    try:
        value = read_json(base64url.decode(part))
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
