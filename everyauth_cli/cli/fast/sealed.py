"""Opens a sealed secret for the short cut."""

from __future__ import annotations

import base64

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from everyauth_cli.store.sealed.cell import KEY_BYTES, associated_data, key_info, parts_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from everyauth_cli.store.sealed.cell import Lookup


def opened(keys: str, name: str, metadata: str, cell: bytes, version: str, lookup: Lookup) -> bytes:
    """The secret of a row; raises where there are several keys, or it does not open with the one."""
    (word,) = keys.replace(",", " ").split()
    key = base64.b64decode(word.encode("ascii"), altchars=b"-_", validate=True)
    if len(key) != KEY_BYTES:
        raise LookupError
    # Not by sealer.py, whose HMAC loads another copy of OpenSSL: that is worth it for many, not for one.
    derived = HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=key_info(name)).derive(key)
    nonce, box = parts_of(cell)
    return AESGCM(derived).decrypt(nonce, box, associated_data(name, metadata, version, lookup))
