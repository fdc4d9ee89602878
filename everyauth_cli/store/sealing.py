"""Seals a text under a name: AES-256-GCM, a key derived for each name, the name bound to what is sealed."""

from __future__ import annotations

import functools
import hmac
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from everyauth_cli.model import Secret

KEY_BYTES = DIGEST_BYTES = 32
NONCE_BYTES = 12
FORMAT = b"\x01"
KEY_ID_BYTES = 16
CIPHERS_KEPT = 4096


class Sealer:
    """One key, and what it seals."""

    def __init__(self, key: Secret[bytes]) -> None:
        self._key = key
        # Those last used: to derive a key takes as long as all else that opens a cell.
        self._cipher = functools.lru_cache(CIPHERS_KEPT)(self._new_cipher)

    def seal(self, name: str, secret: Secret[str]) -> bytes:
        """The secret, to be opened with the same key under the same name only."""
        nonce = os.urandom(NONCE_BYTES)
        return FORMAT + nonce + self._cipher(name).encrypt(nonce, secret.reveal().encode(), name.encode())

    def unseal(self, name: str, cell: bytes) -> Secret[str] | None:
        """What was sealed; None when it was sealed with another key or under another name, or was changed."""
        nonce, box = cell[1 : 1 + NONCE_BYTES], cell[1 + NONCE_BYTES :]
        try:
            return Secret(self._cipher(name).decrypt(nonce, box, name.encode()).decode())
        except (InvalidTag, ValueError):
            return None

    @functools.cached_property
    def key_id(self) -> bytes:
        """What tells the key from others, and nothing else of it."""
        return self._derived(b"everyauth key id", KEY_ID_BYTES)

    @functools.cached_property
    def _extracted(self) -> hmac.HMAC:
        """What all keys of this one are derived from (RFC 5869 section 2.2, with the salt that stands for none)."""
        return hmac.new(hmac.digest(bytes(DIGEST_BYTES), self._key.reveal(), "sha256"), digestmod="sha256")

    def _new_cipher(self, name: str) -> AESGCM:
        return AESGCM(self._derived(b"everyauth record " + name.encode(), KEY_BYTES))

    def _derived(self, info: bytes, length: int) -> bytes:
        """HKDF-Expand (RFC 5869 section 2.3), whose first block is as long as any key of ours."""
        block = self._extracted.copy()
        block.update(info + b"\x01")
        return block.digest()[:length]
