"""Base64url without padding (RFC 7515 section 2)."""

from __future__ import annotations

import base64


def encode(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    """Return the octets of a text, padded or not; raises `ValueError` for any other character."""
    return base64.b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4), altchars=b"-_", validate=True)
