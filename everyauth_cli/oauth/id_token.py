"""Id tokens: reading one, and checking that it is valid for a login (OpenID Connect Core section 3.1.3.7)."""

from __future__ import annotations

import hmac
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeGuard

from everyauth_cli.errors import ServiceUnreadable, raised_anew
from everyauth_cli.model import Client, Secret, Service
from everyauth_cli.oauth import base64url
from everyauth_cli.oauth.grant import Subject
from everyauth_cli.oauth.late_jose import jose
from everyauth_cli.oauth.userinfo import filled
from everyauth_cli.sanitize import printable
from everyauth_cli.services.rules import ASYMMETRIC, SYMMETRIC

LEEWAY_SECONDS = 60
KEY_TYPES = {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}
"""The key type of an algorithm, by its first letters (RFC 7518 section 3.1, RFC 8037)."""
CURVES = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}
"""The curve of each elliptic-curve algorithm (RFC 7518 section 3.4)."""
SMALLEST_KEYS = {
    **dict.fromkeys(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), 2048),
    "HS256": 256,
    "HS384": 384,
    "HS512": 512,
}
"""The smallest key in bits of each algorithm whose keys differ in size (RFC 7518 sections 3.2, 3.3 and 3.5)."""
CLOCK = "check the clock of this machine"


class KeyUnknown(ServiceUnreadable):
    """None of the given keys can be the one that signed an id token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IdToken:
    """A decoded id token, not yet checked."""

    header: Mapping[str, Any]
    claims: Mapping[str, Any] = field(repr=False)
    text: Secret[str]

    @property
    def algorithm(self) -> str:
        return str(self.header.get("alg", "none"))


@raised_anew
def read_id_token(service: Service, text: Secret[str]) -> IdToken:
    """Decode an id token (RFC 7519 section 7.2); raises `ServiceUnreadable` when it is not one."""
    try:
        header, claims, _ = (base64url.decode(part) for part in text.reveal().split("."))
        return IdToken(header=_object(header), claims=_object(claims), text=text)
    except (ValueError, RecursionError):
        raise ServiceUnreadable(f"{service.name} sent an id token that cannot be read") from None


@raised_anew
def check_claims(service: Service, client: Client, id_token: IdToken, *, nonce: Secret[str] | None, now: int) -> None:
    """Check the claims of a login's id token: issuer, audience, times, nonce and algorithm.

    `nonce` is the login's, None where none was sent; `now` is milliseconds since the epoch. Raises `ServiceUnreadable`.
    """
    claims, algorithm = id_token.claims, id_token.algorithm
    if _subject(claims) is None:
        raise _invalid(service, "it has no subject (sub)")
    _check_issuer(service, claims)
    _check_audience(service, client, claims)
    _check_times(service, claims, now=now // 1000)
    if nonce is not None and not _same(claims.get("nonce"), nonce):
        raise _invalid(service, "its nonce is not that of this login")
    if algorithm not in service.id_token.signing_algs:
        usable = algorithm in (*ASYMMETRIC, *SYMMETRIC)
        hint = _allow_hint(service, "id_token_signing_alg_values_supported") if usable else None
        raise _invalid(service, f"it is signed with {printable(algorithm, 20)}, which is not allowed here", hint=hint)


def check_signature(service: Service, id_token: IdToken, keys: Sequence[Mapping[str, Any]]) -> None:
    """Check an id token's signature with the issuer's keys (RFC 7517).

    Without a `kid` only one of the keys may be usable (OpenID Connect Core section 10.1).
    Raises `KeyUnknown` when none is, `ServiceUnreadable` when the key is too small or the signature wrong.
    """
    usable = [key for key in keys if _is_usable(key, id_token)]
    if not usable:
        raise _invalid(service, "it is signed with a key that its issuer does not publish", kind=KeyUnknown)
    if len(usable) > 1:
        raise _invalid(service, f"it does not name which of {len(usable)} keys signed it (kid)")
    _check_size(service, id_token, usable[0])
    if not jose().is_signed(id_token.text, usable[0], algorithm=id_token.algorithm):
        raise _invalid(service, "its signature is wrong")


def keys_of_client(client: Client) -> list[dict[str, Any]]:
    """Return the client secret as the key of the symmetric algorithms (OpenID Connect Core section 10.1)."""
    if not client.client_secret:
        return []
    return [{"kty": "oct", "k": base64url.encode(client.client_secret.reveal().encode())}]


def is_symmetric(id_token: IdToken) -> bool:
    """Whether an id token is signed with the client secret, not with a key of the issuer's."""
    return id_token.algorithm in SYMMETRIC


def subject_of(id_token: IdToken) -> Subject:
    """Return the subject of an id token that `check_claims` has checked."""
    return Subject(iss=str(id_token.claims["iss"]), sub=_subject(id_token.claims) or "")


def read_refreshed(service: Service, client: Client, text: Secret[str]) -> Subject:
    """Return the subject of the id token that came with a refresh, if its issuer and audience are right.

    TLS proves the rest (OpenID Connect Core section 12.2). Raises `ServiceUnreadable`.
    """
    id_token = read_id_token(service, text)
    _check_issuer(service, id_token.claims)
    _check_audience(service, client, id_token.claims)
    if _subject(id_token.claims) is None:
        raise _invalid(service, "it names no subject (sub)")
    return subject_of(id_token)


def _subject(claims: Mapping[str, Any]) -> str | None:
    """Return the subject; some issuers send a number where the specification has a string."""
    sub = claims.get("sub")
    return str(sub) if isinstance(sub, str | int) and not isinstance(sub, bool) and sub != "" else None


def _check_issuer(service: Service, claims: Mapping[str, Any]) -> None:
    iss, allowed = claims.get("iss"), (*filter(None, [service.issuer]), *service.id_token.issuers)
    if not isinstance(iss, str):
        raise _invalid(service, "it names no issuer (iss)")
    # The issuer of a multi-tenant service has the tenant in its name, and in a claim.
    if allowed and iss not in [filled(issuer, claims) for issuer in allowed]:
        why = f"its issuer is {printable(iss, 120)}, not {' or '.join(allowed)} (iss)"
        raise _invalid(service, why, hint=_allow_hint(service, "id_token_issuers"))


def _check_audience(service: Service, client: Client, claims: Mapping[str, Any]) -> None:
    aud, azp = claims.get("aud"), claims.get("azp")
    audiences = aud if isinstance(aud, list) else [aud]
    if client.client_id not in audiences:
        raise _invalid(service, "it was issued to another client (aud)")
    others = [name for name in audiences if name != client.client_id and name not in service.id_token.audiences]
    if others:
        why = f"it is for {printable(str(others[0]), 120)} too, which is not allowed here (aud)"
        raise _invalid(service, why, hint=_allow_hint(service, "id_token_audiences"))
    if azp is not None and azp != client.client_id:
        raise _invalid(service, "it was issued to another client (azp)")


def _check_times(service: Service, claims: Mapping[str, Any], *, now: int) -> None:
    expires, issued, begins = (claims.get(name) for name in ("exp", "iat", "nbf"))
    if not _is_time(expires) or not _is_time(issued) or not (begins is None or _is_time(begins)):
        raise _invalid(service, "its times are missing or wrong (iat, exp, nbf)")
    if now >= expires + LEEWAY_SECONDS:
        raise _invalid(service, "it has expired", hint=CLOCK)
    if begins is not None and now < begins - LEEWAY_SECONDS:
        raise _invalid(service, "it is not valid yet", hint=CLOCK)


def _is_time(value: object) -> TypeGuard[float]:
    # Python reads NaN and Infinity as JSON, and no comparison with these is true.
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, int) and not isinstance(value, bool)


def _same(claim: object, nonce: Secret[str]) -> bool:
    # JSON may hold half a surrogate pair, which UTF-8 cannot.
    return isinstance(claim, str) and hmac.compare_digest(claim.encode(errors="surrogatepass"), nonce.reveal().encode())


def _invalid(
    service: Service, why: str, *, hint: str | None = None, kind: type[ServiceUnreadable] = ServiceUnreadable
) -> ServiceUnreadable:
    return kind(f"{service.name} sent an invalid id token: {why}", hint=hint)


def _allow_hint(service: Service, key: str) -> str:
    file = f"services/{service.registered_at.name}.toml"
    return f"if that is right, allow it with {key} in {file}, in the configuration directory"


def _is_usable(key: Mapping[str, Any], id_token: IdToken) -> bool:
    """Whether a key may have signed an id token; `kid` and `alg` are optional on both sides."""
    kind = "oct" if is_symmetric(id_token) else KEY_TYPES.get(id_token.algorithm[:2])
    kid = id_token.header.get("kid")
    return (
        key.get("kty") == kind
        and key.get("use") in (None, "sig")
        and key.get("alg") in (None, id_token.algorithm)
        and (kind != "EC" or key.get("crv") == CURVES.get(id_token.algorithm))
        and (kid is None or kind == "oct" or key.get("kid") == kid)
    )


def _check_size(service: Service, id_token: IdToken, key: Mapping[str, Any]) -> None:
    """Refuse a key that is smaller than its algorithm requires (RFC 7518 sections 3.2, 3.3 and 3.5)."""
    smallest = SMALLEST_KEYS.get(id_token.algorithm, 0)
    if smallest and _bits(key) < smallest:
        why = f"its key has {_bits(key)} bits, and {id_token.algorithm} requires {smallest} (RFC 7518 section 3)"
        raise _invalid(service, why)


def _bits(key: Mapping[str, Any]) -> int:
    """Return the size of an RSA or symmetric key; 0 for one that cannot be read."""
    try:
        if key.get("kty") == "RSA":
            return int.from_bytes(base64url.decode(key["n"])).bit_length()
        return len(base64url.decode(key["k"])) * 8
    except (ValueError, TypeError, AttributeError, LookupError):
        return 0


def _object(part: bytes) -> dict[str, Any]:
    value = json.loads(part)
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004 - as unreadable as the rest
    return value
