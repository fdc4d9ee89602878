"""Seals a text under a name: AES-256-GCM, a key derived for each name, the name bound to what is sealed."""

from __future__ import annotations

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from everyauth_cli.model import Secret

KEY_BYTES = 32
NONCE_BYTES = 12
FORMAT = b"\x01"
KEY_ID_BYTES = 16


def seal(key: Secret[bytes], name: str, secret: Secret[str]) -> bytes:
    """The secret, to be opened with the same key under the same name only."""
    nonce = os.urandom(NONCE_BYTES)
    return FORMAT + nonce + _cipher(key, name).encrypt(nonce, secret.reveal().encode(), name.encode())


def unseal(key: Secret[bytes], name: str, cell: bytes) -> Secret[str] | None:
    """What was sealed; None when it was sealed with another key or under another name, or was changed."""
    nonce, box = cell[1 : 1 + NONCE_BYTES], cell[1 + NONCE_BYTES :]
    try:
        return Secret(_cipher(key, name).decrypt(nonce, box, name.encode()).decode())
    except (InvalidTag, ValueError):
        return None


def key_id(key: Secret[bytes]) -> bytes:
    """What tells a key from others, and nothing else of it."""
    return _derived(key, b"everyauth key id", KEY_ID_BYTES)


def _cipher(key: Secret[bytes], name: str) -> AESGCM:
    return AESGCM(_derived(key, b"everyauth record " + name.encode(), KEY_BYTES))


def _derived(key: Secret[bytes], info: bytes, length: int) -> bytes:
    return HKDF(algorithm=SHA256(), length=length, salt=None, info=info).derive(key.reveal())
