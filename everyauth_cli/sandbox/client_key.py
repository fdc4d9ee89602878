"""The key pair of the sandbox's client: no secret, since the sandbox and its client are everybody's."""

from __future__ import annotations

import json

_PAIR = {
    "crv": "P-256",
    "x": "47H767E7FFB1NCrenmpKcwQVPg-kmhD0aTgpM_NspSY",
    "y": "D3yp4nbEYt4i8RENvA2_8cN83dj4eMeaR-IxpOZBRj0",
    "d": "ROdUmsjBlRUDI6r_9Y9maUqzzSjTDJ204_bDAtV52zo",
    "use": "sig",
    "alg": "ES256",
    "kty": "EC",
    "kid": "DyOO4b15FfZ3nhCT-30yJhaANtvJKsN2_kjUQSqDwUc",
}
CLIENT_KEY = json.dumps(_PAIR)
"""The private key, as a JWK (RFC 7517)."""
PUBLIC_KEY = {name: value for name, value in _PAIR.items() if name != "d"}
