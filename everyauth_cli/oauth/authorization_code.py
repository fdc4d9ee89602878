"""The authorization request and the answer to it (RFC 6749 section 4.1, RFC 7636, RFC 9207, OpenID Connect Core)."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit, urlunsplit

from everyauth_cli.errors import LoginDenied, LoginFailed, ServiceError
from everyauth_cli.model import LoginRequest, Secret, Service
from everyauth_cli.oauth import base64url
from everyauth_cli.sanitize import printable, redact

SINGLE = ("code", "state", "error", "iss")
OPENID = "openid"
"""The scope that asks for an id token (OpenID Connect Core section 3.1.2.1)."""

ERROR_HINTS = {
    "invalid_scope": 'ask for other scopes: everyauth service set {service} --scope "..."',
    "unauthorized_client": "check the registration at the service against `everyauth service get {service}`",
    "temporarily_unavailable": "try again later",
    "server_error": "try again later",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingLogin:
    """A login at the authorization endpoint: its request, and what the authorization response is checked against.

    `verifier` is PKCE's (RFC 7636), `nonce` that of the id token; each is None where it is not used.
    """

    request: LoginRequest
    redirect_uri: str
    state: Secret[str]
    verifier: Secret[str] | None
    nonce: Secret[str] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Callback:
    """A successful authorization response: the code, and what the catalogue says to keep of the rest."""

    code: Secret[str]
    kept: Mapping[str, str]


def begin(service: Service, request: LoginRequest, *, redirect_uri: str) -> PendingLogin:
    """Begin the authorization code flow with a new state, code verifier and nonce.

    Only a request for an id token has a nonce (OpenID Connect Core section 3.1.2.1).
    """
    openid = OPENID in service.split_scope(request.scope)
    return PendingLogin(
        request=request,
        redirect_uri=redirect_uri,
        state=Secret(secrets.token_urlsafe(32)),
        verifier=Secret(secrets.token_urlsafe(48)) if service.pkce else None,
        nonce=Secret(secrets.token_urlsafe(32)) if openid else None,
    )


def authorization_url(service: Service, pending: PendingLogin) -> str:
    """The URL to send the browser to (RFC 6749 section 4.1.1)."""
    fields = {
        "response_type": "code",
        "client_id": pending.request.client_id,
        "redirect_uri": pending.redirect_uri,
        "state": pending.state.reveal(),
    }
    if pending.request.scope:
        fields["scope"] = pending.request.scope
    if pending.nonce is not None:
        fields["nonce"] = pending.nonce.reveal()
    if pending.verifier is not None:
        fields["code_challenge"] = challenge(pending.verifier)
        fields["code_challenge_method"] = "S256"
    parts = urlsplit(service.authorization_endpoint)
    query = "&".join(filter(None, [parts.query, urlencode({**service.authorization_params, **fields})]))
    return urlunsplit(parts._replace(query=query))


def challenge(verifier: Secret[str]) -> str:
    """The S256 code challenge of a verifier (RFC 7636 section 4.2)."""
    return base64url.encode(hashlib.sha256(verifier.reveal().encode()).digest())


def is_answer_to(pending: PendingLogin, query: Sequence[tuple[str, str]]) -> bool:
    """Whether a callback carries this login's state, once; anything else is a stray or a forgery."""
    states = [value for name, value in query if name == "state"]
    return len(states) == 1 and hmac.compare_digest(states[0].encode(), pending.state.reveal().encode())


def read_callback(service: Service, pending: PendingLogin, query: Sequence[tuple[str, str]]) -> Callback:
    """Check an authorization response and take the code out of it (RFC 6749 section 4.1.2, RFC 9207).

    Raises `LoginFailed` for a denial and for an answer that must not be trusted, `ServiceError` for an error of
    the service.
    """
    if not is_answer_to(pending, query):
        raise LoginFailed("the answer does not belong to this login (its state is another)")
    twice = [name for name in SINGLE if [n for n, _ in query].count(name) > 1]
    if twice:
        raise LoginFailed(f"the answer carries {twice[0]} twice (RFC 6749 section 3.1 forbids that); nothing was taken")
    fields = dict(query)
    _check_issuer(service, fields.get("iss"))
    if "error" in fields:
        raise _refusal(service, fields)
    if not fields.get("code"):
        raise LoginFailed(f"{service.name} came back with neither a code nor an error")
    kept = {name: fields[name] for name in service.keep_callback if name in fields}
    return Callback(code=Secret(fields["code"]), kept=kept)


def _check_issuer(service: Service, iss: str | None) -> None:
    if iss is None and not service.authorization_response_iss_parameter_supported:
        return
    if service.issuer is not None and iss != service.issuer:
        raise LoginFailed(
            f"the answer says it comes from {printable(iss) if iss else 'nobody'}, not from {service.issuer}: "
            "another authorization server mixed in (RFC 9207); the code was not redeemed"
        )


def _refusal(service: Service, fields: Mapping[str, str]) -> LoginFailed | ServiceError:
    error = printable(redact(fields["error"]))
    said = f"{error}: {printable(redact(fields['error_description']))}" if fields.get("error_description") else error
    if "code" in fields:
        return LoginFailed(f"{service.name} came back with a code and an error at once ({said}); nothing was taken")
    if error == "access_denied":
        return LoginDenied(f"access was denied at {service.name} ({said})")
    hint = ERROR_HINTS.get(error, "").format(service=service.name) or None
    return ServiceError(f"{service.name} refused the login ({said})", hint=hint, error=error)
