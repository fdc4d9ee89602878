"""Proofs that the sender of a request has a key (DPoP, RFC 9449), and the nonces that servers want in them."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from everyauth_cli.errors import ConfigurationProblem, StoreError, UsageProblem
from everyauth_cli.model import Request, Response, Secret, Service
from everyauth_cli.oauth import base64url
from everyauth_cli.oauth.challenge import read_challenges
from everyauth_cli.oauth.jwk import BY_CURVE, BY_RSA, algorithm_of, public_fields
from everyauth_cli.oauth.late_jose import jose
from everyauth_cli.oauth.response_body import read_json
from everyauth_cli.urls import is_url

TYPE = "dpop+jwt"
STATED = "dpop_signing_alg_values_supported"
SCHEME = "DPoP"
"""The scheme of a bound token (section 7.1), which is its `token_type` too (section 5)."""
HEADER = "DPoP"
USE_NONCE = "use_dpop_nonce"
"""The error of a server that wants another nonce in the proof (sections 8 and 9)."""
INVALID_PROOF = "invalid_dpop_proof"
PROOF_CODES = frozenset({USE_NONCE, INVALID_PROOF})
"""The errors that refuse the proof of a key, and not what it came with (sections 5 and 7.1)."""
NONCE = re.compile(r"[!#-\[\]-~]{1,1000}")
"""A nonce (section 8.1), no longer than would fit into a header."""
ALGORITHMS = (*BY_CURVE.values(), *BY_RSA)
"""Those of our keys, the preferred one first; none is symmetric (section 11.6)."""
OF_KIND = {"EC": ("crv", "kty", "x", "y"), "OKP": ("crv", "kty", "x"), "RSA": ("e", "kty", "n")}
"""The members of a public key, sorted (RFC 7638 section 3.2, RFC 8037 section 2)."""
UNAUTHORIZED, BAD_REQUEST = 401, 400
CLOCK_HINT = "check the clock of this machine, and try again"
"""A proof that is otherwise right is refused for its time, or for a nonce that the server gives by its own clock."""


def binding(service: Service) -> Service:
    """Return a service as tokens that are bound to a key are requested there. Raises `UsageProblem` if it has none."""
    if service.dpop.bound_access_tokens:
        return service
    if not service.dpop.signing_algs:
        file = "" if is_url(service.name) else f"; else set {STATED} in services/{service.registered_at.name}.toml"
        raise UsageProblem(
            f"{service.name} is not known to bind tokens to a key (DPoP): it states no {STATED}",
            hint=f"leave out --dpop{file}",
        )
    return replace(service, dpop=replace(service.dpop, bound_access_tokens=True))


def new_key(service: Service) -> Secret[str]:
    """Make a key for the tokens of one login, as a JWK. Raises `ConfigurationProblem` for algorithms that we lack."""
    stated = service.dpop.signing_algs
    usable = [name for name in ALGORITHMS if name in stated] if stated else [ALGORITHMS[0]]
    if not usable:
        raise ConfigurationProblem(
            f"{service.name} takes proofs (DPoP) that are signed with {', '.join(stated)} only, which everyauth lacks"
        )
    key: Secret[str] = jose().new_private_key(usable[:1])
    return key


def packed(key: Secret[str]) -> Secret[str]:
    """Return a key in as few characters as will do, for a cookie: one on P-256, as nearly all are, is one number."""
    jwk = Secret(json.loads(key.reveal()))
    return Secret(str(jwk.reveal()["d"])) if jwk.reveal().get("crv") == "P-256" else key


def unpacked(text: Secret[str]) -> Secret[str]:
    """Return the key that was packed."""
    key: Secret[str] = text if text.reveal().startswith("{") else jose().key_of_number(text)
    return key


def usable_key(key: Secret[str]) -> Secret[str]:
    """Return a stored key after checking it. Raises `StoreError`, which does not repeat it, for one that is none."""
    try:
        checked: Secret[str] = jose().read_private_key(key)
    except UsageProblem:
        raise StoreError(
            "the key that the tokens are bound to (DPoP) is damaged in the store", hint="log in again"
        ) from None
    return checked


def public_jwk(key: Secret[str]) -> dict[str, Any]:
    """Return the public key of a private one, with the members that its thumbprint is made of and no others."""
    public = public_fields(key)
    return {name: public[name] for name in OF_KIND[public["kty"]]}


def thumbprint(key: Secret[str]) -> str:
    """Return the thumbprint of a key (RFC 7638), which `dpop_jkt` and the `jkt` of a token have."""
    text = json.dumps(public_jwk(key), separators=(",", ":"), sort_keys=True)
    return base64url.encode(hashlib.sha256(text.encode()).digest())


def proof(
    key: Secret[str], *, method: str, url: str, now: int, nonce: str = "", access_token: Secret[str] | None = None
) -> str:
    """Return a proof for one request (RFC 9449 section 4.2), at a time in milliseconds since the epoch.

    It is no secret: it serves for this request alone, and without the access token for nothing.
    """
    header = {"typ": TYPE, "alg": algorithm_of(key, ()), "jwk": public_jwk(key)}
    claims = {"jti": secrets.token_urlsafe(24), "htm": method, "htu": _target(url), "iat": now // 1000}
    if nonce:
        claims["nonce"] = nonce
    if access_token is not None:
        claims["ath"] = base64url.encode(hashlib.sha256(access_token.reveal().encode()).digest())
    text: Secret[str] = jose().signed(header, claims, key)
    return text.reveal()


def proved(
    request: Request, key: Secret[str], *, now: int, nonce: str = "", access_token: Secret[str] | None = None
) -> Request:
    """Return a request of ours with a proof; the scheme of an access token in it is DPoP then (section 7.1)."""
    presented = access_token if request.bearer == access_token else None
    url = _target(request.url + request.rest.reveal())
    text = proof(key, method=request.method, url=url, now=now, nonce=nonce, access_token=presented)
    scheme = SCHEME if presented else request.scheme
    return replace(request, scheme=scheme, headers={**request.headers, HEADER: text})


def usable_nonce(text: str | None) -> str:
    """Return the nonce in a header; empty where it has none, or what is none (section 8.1)."""
    return text if text and NONCE.fullmatch(text) else ""


def proof_refusal(response: Response) -> str:
    """Return the code with which a response refuses the proof, as either kind of server says it; empty if it does not.

    An authorization server says it in its JSON (section 8), a resource server in a challenge (section 9).
    """
    if response.status not in (BAD_REQUEST, UNAUTHORIZED):
        return ""
    if response.status == UNAUTHORIZED and (code := challenged_proof(response.challenges)):
        return code
    fields = read_json(response.body.reveal(), response.content_type)
    stated = fields.get("error") if isinstance(fields, Mapping) else None
    return stated if isinstance(stated, str) and stated in PROOF_CODES else ""


def challenged_proof(lines: Sequence[str]) -> str:
    """Return the code of a challenge of the scheme DPoP, beside which there may be others, that refuses the proof."""
    found = [challenge.params for challenge in read_challenges(lines) if challenge.scheme == SCHEME.lower()]
    return next((params["error"] for params in found if params.get("error") in PROOF_CODES), "")


def is_bound_type(token_type: object) -> bool:
    """Whether a `token_type`, whose case does not matter (RFC 6749 section 7.1), is that of a bound token."""
    return isinstance(token_type, str) and token_type.strip().lower() == SCHEME.lower()


def _target(url: str) -> str:
    """Return a URL without user, query and fragment."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment=""))
