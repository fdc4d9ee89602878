"""Id tokens: reading one, and checking that it holds for a login (OpenID Connect Core section 3.1.3.7)."""

from __future__ import annotations

import hmac
import json
import math
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard

from everyauth_cli.errors import ServiceUnreadable
from everyauth_cli.model import Client, Secret, Service, Subject
from everyauth_cli.oauth import base64url
from everyauth_cli.oauth.userinfo import filled
from everyauth_cli.sanitize import printable
from everyauth_cli.services.rules import ASYMMETRIC, SYMMETRIC

LEEWAY_SECONDS = 60
KEY_TYPES = {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}
"""The kind of key that an algorithm, by its first letters, is verified with (RFC 7518 section 3.1, RFC 8037)."""
CURVES = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}
"""The curve of each algorithm on one (RFC 7518 section 3.4)."""
CAN_BE_ALLOWED = (*ASYMMETRIC, *SYMMETRIC)
CLOCK = "check the clock of this machine"

_filters = threading.Lock()
"""The filters of warnings are the whole process's: logins in two threads must not change them at once."""


class KeyUnknown(ServiceUnreadable):
    """None of the keys at hand is the one that an id token was signed with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IdToken:
    """An id token taken apart, with nothing checked yet."""

    header: Mapping[str, Any]
    claims: Mapping[str, Any]
    text: Secret[str]

    @property
    def algorithm(self) -> str:
        return str(self.header.get("alg", "none"))


def read_id_token(service: Service, text: Secret[str]) -> IdToken:
    """Take an id token apart (RFC 7519 section 7.2); raises `ServiceUnreadable` when it is none."""
    try:
        header, claims, _ = (base64url.decode(part) for part in text.reveal().split("."))
        return IdToken(header=_object(header), claims=_object(claims), text=text)
    except (ValueError, RecursionError):
        raise ServiceUnreadable(f"{service.name} sent an id token that cannot be read") from None


def check_claims(service: Service, client: Client, id_token: IdToken, *, nonce: Secret[str] | None, now: int) -> None:
    """Check what an id token says of itself: who issued it, to whom, for how long and for which login.

    `nonce` is the one of the login, None where it sent none; `now` is milliseconds since the epoch.
    Raises `ServiceUnreadable`.
    """
    claims = id_token.claims
    if _subject(claims) is None:
        raise _refused(service, "it names no subject (sub)")
    _check_issuer(service, claims)
    _check_audience(service, client, claims)
    _check_times(service, claims, now=now // 1000)
    if nonce is not None and not _same(claims.get("nonce"), nonce):
        raise _refused(service, "its nonce is not the one of this login")
    if id_token.algorithm not in service.id_token.signing_algs:
        why = f"it is signed with {printable(id_token.algorithm, 20)}, which is not allowed here"
        hint = (
            _allowing(service, "id_token_signing_alg_values_supported")
            if id_token.algorithm in CAN_BE_ALLOWED
            else None
        )
        raise _refused(service, why, hint=hint)


def check_signature(service: Service, id_token: IdToken, keys: Sequence[Mapping[str, Any]]) -> None:
    """Check an id token's signature with the issuer's keys (RFC 7517).

    Without a `kid` there must be one key only that it can be (OpenID Connect Core section 10.1).
    Raises `KeyUnknown` when there is none, `ServiceUnreadable` when the signature is wrong.
    """
    fitting = [key for key in keys if _fits(key, id_token)]
    if not fitting:
        raise _refused(service, "it is signed with a key that its issuer does not publish", kind=KeyUnknown)
    if len(fitting) > 1:
        raise _refused(service, f"it does not say with which of {len(fitting)} keys it is signed (kid)")
    if not _is_signed(id_token, fitting[0]):
        raise _refused(service, "its signature is wrong")


def keys_of_client(client: Client) -> list[dict[str, Any]]:
    """The client secret as the key of the algorithms that use it (OpenID Connect Core section 10.1)."""
    if not client.client_secret:
        return []
    return [{"kty": "oct", "k": base64url.encode(client.client_secret.reveal().encode())}]


def is_symmetric(id_token: IdToken) -> bool:
    """Whether it is signed with the client secret and not with a key of the issuer's."""
    return id_token.algorithm.startswith("HS")


def subject_of(id_token: IdToken) -> Subject:
    """Whom an id token is about, in its issuer's words; call it after `check_claims`."""
    return Subject(iss=str(id_token.claims["iss"]), sub=_subject(id_token.claims) or "")


def read_refreshed(service: Service, client: Client, text: Secret[str]) -> Subject:
    """Return the subject of the id token that came with a refresh, if its issuer and audience are right.

    TLS vouches for the rest (OpenID Connect Core section 12.2). Raises `ServiceUnreadable`.
    """
    id_token = read_id_token(service, text)
    _check_issuer(service, id_token.claims)
    _check_audience(service, client, id_token.claims)
    if _subject(id_token.claims) is None:
        raise _refused(service, "it names no subject (sub)")
    return subject_of(id_token)


def _subject(claims: Mapping[str, Any]) -> str | None:
    """The subject; some issuers send a number where the specification has a text."""
    sub = claims.get("sub")
    return str(sub) if isinstance(sub, str | int) and not isinstance(sub, bool) and sub != "" else None


def _check_issuer(service: Service, claims: Mapping[str, Any]) -> None:
    iss, allowed = claims.get("iss"), (*filter(None, [service.issuer]), *service.id_token.issuers)
    # An issuer of many tenants has the tenant in its name, and in a claim.
    if not isinstance(iss, str) or (allowed and iss not in [filled(issuer, claims) for issuer in allowed]):
        said = printable(iss, 120) if isinstance(iss, str) else "nobody"
        why = f"it was issued by {said}, not by {' or '.join(allowed) or 'anybody'} (iss)"
        raise _refused(service, why, hint=_allowing(service, "id_token_issuers"))


def _check_audience(service: Service, client: Client, claims: Mapping[str, Any]) -> None:
    aud, azp = claims.get("aud"), claims.get("azp")
    audiences = aud if isinstance(aud, list) else [aud]
    if client.client_id not in audiences:
        raise _refused(service, "it was issued to another client (aud)")
    foreign = [who for who in audiences if who != client.client_id and who not in service.id_token.audiences]
    if foreign:
        why = f"it is for {printable(str(foreign[0]), 120)} too, which is not allowed here (aud)"
        raise _refused(service, why, hint=_allowing(service, "id_token_audiences"))
    if azp is not None and azp != client.client_id:
        raise _refused(service, "it was issued to another client (azp)")


def _check_times(service: Service, claims: Mapping[str, Any], *, now: int) -> None:
    expires, issued, begins = (claims.get(name) for name in ("exp", "iat", "nbf"))
    if not _is_time(expires) or not _is_time(issued) or not (begins is None or _is_time(begins)):
        raise _refused(service, "it does not say from when and until when it holds (iat, exp, nbf)")
    if now >= expires + LEEWAY_SECONDS:
        raise _refused(service, "it has expired", hint=CLOCK)
    if begins is not None and now < begins - LEEWAY_SECONDS:
        raise _refused(service, "it does not hold yet", hint=CLOCK)


def _is_time(value: object) -> TypeGuard[float]:
    # Python reads NaN and Infinity as JSON, and to these no time compares.
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, int) and not isinstance(value, bool)


def _same(claim: object, nonce: Secret[str]) -> bool:
    # JSON may hold half a character, which UTF-8 cannot.
    return isinstance(claim, str) and hmac.compare_digest(claim.encode(errors="surrogatepass"), nonce.reveal().encode())


def _refused(
    service: Service, why: str, *, hint: str | None = None, kind: type[ServiceUnreadable] = ServiceUnreadable
) -> ServiceUnreadable:
    return kind(f"{service.name} sent an id token that does not hold: {why}; nothing was stored", hint=hint)


def _allowing(service: Service, key: str) -> str:
    """The way out where an entry allows too little."""
    return f"if that is right, allow it with {key} in services/{service.name}.toml, in the configuration directory"


def _fits(key: Mapping[str, Any], id_token: IdToken) -> bool:
    """Whether a key may be the one that an id token names; `kid` and `alg` are optional on both sides."""
    kind = "oct" if is_symmetric(id_token) else KEY_TYPES.get(id_token.algorithm[:2])
    kid = id_token.header.get("kid")
    return (
        key.get("kty") == kind
        and key.get("use") in (None, "sig")
        and key.get("alg") in (None, id_token.algorithm)
        and (kind != "EC" or key.get("crv") == CURVES.get(id_token.algorithm))
        and (kid is None or kind == "oct" or key.get("kid") == kid)
    )


def _is_signed(id_token: IdToken, key: Mapping[str, Any]) -> bool:
    import warnings

    from joserfc import errors, jwk, jws

    # The header may hold parameters of the issuer's own; only those that are `crit` must be understood.
    registry = jws.JWSRegistry(algorithms=[id_token.algorithm], strict_check_header=False)
    # A certificate chain in it (x5c) takes some kilobytes.
    registry.max_header_length = registry.max_signature_length = 16 * 1024
    try:
        with _filters, warnings.catch_warnings():
            # A key that is too small is none (RFC 7518 section 3.3); algorithms are chosen by the catalogue.
            warnings.simplefilter("error", errors.SecurityWarning)
            imported = jwk.import_key({name: value for name, value in key.items() if value is not None})
            warnings.simplefilter("ignore", errors.SecurityWarning)
            jws.deserialize_compact(id_token.text.reveal(), imported, registry=registry)
    except (errors.JoseError, errors.SecurityWarning, ValueError, TypeError, LookupError):
        return False
    return True


def _object(part: bytes) -> dict[str, Any]:
    value = json.loads(part)
    if not isinstance(value, dict):
        raise ValueError("no JSON object")  # noqa: TRY004 - as unreadable as the rest
    return value
