"""Seals texts with AES-256-GCM, with a key derived for each name (RFC 5869)."""

from __future__ import annotations

import functools
import hmac
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from everyauth_cli.model import Secret
from everyauth_cli.store.sealed.cell import FORMAT, KEY_BYTES, KEY_ID_BYTES, NONCE_BYTES, key_info, parts_of

DIGEST_BYTES = 32
CIPHERS_KEPT = 4096


class Sealer:
    """Seals and opens with one key."""

    def __init__(self, key: Secret[bytes]) -> None:
        self._key = key
        # Those last used: to derive a key takes as long as all else that opens a cell.
        self._cipher = functools.lru_cache(CIPHERS_KEPT)(self._new_cipher)

    def seal(self, name: str, secret: Secret[str], *, bound_to: bytes | None = None) -> bytes:
        """The sealed secret, to be opened with the same key, name and associated data (the name alone if None)."""
        nonce = os.urandom(NONCE_BYTES)
        bound_to = name.encode() if bound_to is None else bound_to
        return FORMAT + nonce + self._cipher(name).encrypt(nonce, secret.reveal().encode(), bound_to)

    def unseal(self, name: str, cell: bytes | None, *, bound_to: bytes | None = None) -> Secret[str] | None:
        """The secret; None when it was sealed with another key, name or associated data, or was changed."""
        try:
            nonce, box = parts_of(cell)
            return Secret(self._cipher(name).decrypt(nonce, box, bound_to or name.encode()).decode())
        except (InvalidTag, ValueError, TypeError):
            return None

    @functools.cached_property
    def key_id(self) -> bytes:
        """Tells the key from others, and nothing else about it."""
        return self._derived(b"everyauth key id", KEY_ID_BYTES)

    @functools.cached_property
    def _extracted(self) -> hmac.HMAC:
        """The pseudorandom key that all others are derived from (RFC 5869 section 2.2, with no salt)."""
        return hmac.new(hmac.digest(bytes(DIGEST_BYTES), self._key.reveal(), "sha256"), digestmod="sha256")

    def _new_cipher(self, name: str) -> AESGCM:
        return AESGCM(self._derived(key_info(name), KEY_BYTES))

    def _derived(self, info: bytes, length: int) -> bytes:
        """HKDF-Expand (RFC 5869 section 2.3), whose first block is as long as any key of ours."""
        block = self._extracted.copy()
        block.update(info + b"\x01")
        return block.digest()[:length]
