"""Signatures and private keys with joserfc (RFC 7515, RFC 7517); imported late, because it is heavy."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, derive_private_key
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from joserfc import errors, jwk, jws
from joserfc.jwa import JWSAlgModel
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey

from everyauth_cli.errors import UsageProblem
from everyauth_cli.model import Secret
from everyauth_cli.oauth import base64url
from everyauth_cli.oauth.jwk import BY_CURVE, BY_RSA, algorithms_of, public_fields

KINDS: Mapping[str, type[ECKey | RSAKey | OKPKey]] = {"EC": ECKey, "RSA": RSAKey, "OKP": OKPKey}
CURVES = ("secp256r1", "secp384r1", "secp521r1")
"""The curves of RFC 7518 section 6.2.1.1, as RFC 5480 names them."""
FEWEST_BITS = 2048
DEFAULT_ALGORITHM = "ES256"
OURS = "give a private key in PEM or as a JWK: EC (P-256, P-384, P-521), RSA of 2048 bits or more, or Ed25519"


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


def signed(header: Mapping[str, Any], claims: Mapping[str, Any], key: Secret[str]) -> Secret[str]:
    """Return claims as a compact JWS with the signature of a private key (a JWK)."""
    registry = _Registry(algorithms=[header["alg"]], strict_check_header=False)
    private, payload = jwk.import_key(json.loads(key.reveal())), json.dumps(claims, separators=(",", ":"))
    return Secret(jws.serialize_compact(dict(header), payload, private, registry=registry))


def is_signed(text: Secret[str], key: Mapping[str, Any], *, algorithm: str) -> bool:
    """Return whether the compact JWS has a valid signature of this algorithm and key (a JWK, RFC 7517)."""
    registry = _Registry(algorithms=[algorithm], strict_check_header=False)
    try:
        imported = jwk.import_key({name: value for name, value in key.items() if value is not None})
        jws.deserialize_compact(text.reveal(), imported, registry=registry)
    except (errors.JoseError, errors.SecurityWarning, ValueError, TypeError, LookupError):
        return False
    return True


def read_private_key(text: Secret[str]) -> Secret[str]:
    """Return a private key, in PEM (RFC 7468) or a JWK, as a JWK with a `kid`: its own, or its thumbprint (RFC 7638).

    Raises `UsageProblem`, which does not repeat it, for what is no private key that can sign.
    """
    if not text.reveal().strip():
        raise UsageProblem("the private key is empty", hint=OURS)
    read = _of_jwk if text.reveal().strip()[0] in "{[" else _of_pem
    return _checked(read(text))


def new_private_key(algorithms: Sequence[str] = ()) -> Secret[str]:
    """Make a key for the first of these algorithms that is known, by default ES256, as a JWK with a `kid`."""
    known = [name for name in algorithms if name in BY_RSA or name in BY_CURVE.values()]
    algorithm = known[0] if known else DEFAULT_ALGORITHM
    return _checked(_generated(algorithm), algorithm=algorithm)


def key_of_number(text: Secret[str]) -> Secret[str]:
    """Return the private key on P-256 that has this number (`d`, RFC 7518 section 6.2.2.1); it is all of the key."""
    number = Secret(int.from_bytes(base64url.decode(text.reveal()), "big"))
    key = derive_private_key(number.reveal(), SECP256R1())
    pem, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    plain = Secret(key.private_bytes(pem, form, serialization.NoEncryption()))
    return _checked(ECKey.import_key(plain.reveal()), algorithm=DEFAULT_ALGORITHM)


def _generated(algorithm: str) -> Key:
    if algorithm in BY_RSA:
        return RSAKey.generate_key(FEWEST_BITS)
    curve = next(curve for curve, name in BY_CURVE.items() if name == algorithm)
    return OKPKey.generate_key("Ed25519") if curve == "Ed25519" else ECKey.generate_key(curve)


def _of_jwk(text: Secret[str]) -> Key:
    try:
        found = Secret(json.loads(text.reveal()))
    except (ValueError, RecursionError):
        raise UsageProblem("the private key looks like a JWK, and is not valid JSON", hint=OURS) from None
    if isinstance(found.reveal(), dict) and "keys" in found.reveal():
        if not isinstance(found.reveal()["keys"], list) or len(found.reveal()["keys"]) != 1:
            raise UsageProblem("the JWK Set does not have one key", hint="give the one key that is to sign")
        found = Secret(found.reveal()["keys"][0])
    kind = KINDS.get(str(found.reveal().get("kty"))) if isinstance(found.reveal(), dict) else None
    if kind is None:
        raise UsageProblem("the JWK is not of a kind that signs with a private key", hint=OURS)
    if "d" not in found.reveal():
        raise _public_key()
    if kind is RSAKey:
        _check_bits(len(str(found.reveal().get("n"))) * 6)
    try:
        return kind.import_key(found.reveal())
    except (errors.JoseError, ValueError, TypeError, LookupError, UnsupportedAlgorithm):
        raise UsageProblem("the JWK is damaged, or its curve is not known", hint=OURS) from None


def _of_pem(text: Secret[str]) -> Key:
    key = _loaded(text)
    if isinstance(key, EllipticCurvePrivateKey) and key.curve.name not in CURVES:
        raise _wrong_curve(key.curve.name)
    if isinstance(key, RSAPrivateKey):
        _check_bits(key.key_size)
    # In one form, whatever the file's.
    pem, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    plain = Secret(key.private_bytes(pem, form, serialization.NoEncryption()))
    for kind in KINDS.values():
        with suppress(errors.JoseError, ValueError, TypeError, AttributeError):
            return kind.import_key(plain.reveal())
    raise UsageProblem("the private key is of a kind that signs no JWT", hint=OURS)


def _loaded(text: Secret[str]) -> PrivateKeyTypes:
    if "-----BEGIN " not in text.reveal():
        raise UsageProblem("this is no private key: neither PEM nor a JWK", hint=OURS)
    if "PRIVATE KEY-----" not in text.reveal():
        raise _public_key()
    try:
        return serialization.load_pem_private_key(text.reveal().strip().encode(), password=None)
    except TypeError:
        raise UsageProblem(
            "the private key is encrypted with a passphrase, and no passphrase can be typed at each request",
            hint="write one without: openssl pkey -in FILE -out NEW",
        ) from None
    except (ValueError, UnsupportedAlgorithm):
        raise UsageProblem("the PEM is damaged, or its key is of a kind that is not known", hint=OURS) from None


def _checked(key: Key, *, algorithm: str | None = None) -> Secret[str]:
    jwk = Secret({**key.as_dict(private=True), **({"alg": algorithm} if algorithm else {})})
    public = public_fields(Secret(json.dumps(jwk.reveal())))
    if "crv" in public and public["crv"] not in BY_CURVE:
        raise _wrong_curve(str(public["crv"]))
    if not {*algorithms_of(public)} <= {*BY_RSA, *BY_CURVE.values()}:
        raise UsageProblem(f"the JWK is for {public['alg']}, which is no signature of it", hint=OURS)
    kid = public.get("kid")
    return Secret(json.dumps({**jwk.reveal(), "kid": kid if isinstance(kid, str) and kid else key.thumbprint()}))


def _check_bits(bits: int) -> None:
    """Refuse a short RSA key (RFC 7518 section 3.3)."""
    if bits < FEWEST_BITS:
        raise UsageProblem(f"the RSA key has {bits} bits, and {FEWEST_BITS} are required", hint=OURS)


def _public_key() -> UsageProblem:
    return UsageProblem("this is a public key or a certificate, and the private key is needed", hint=OURS)


def _wrong_curve(name: str) -> UsageProblem:
    return UsageProblem(f"a key on the curve {name} cannot sign here", hint=OURS)
