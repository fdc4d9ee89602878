"""The authorization request and its response (RFC 6749 section 4.1, RFC 7636, RFC 9207, OpenID Connect Core)."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlencode, urlsplit, urlunsplit

from everyauth_cli.errors import LoginDenied, LoginFailed, ServiceError, raised_anew
from everyauth_cli.model import Secret, Service
from everyauth_cli.oauth import base64url
from everyauth_cli.oauth.dpop import thumbprint
from everyauth_cli.oauth.login_request import LoginRequest
from everyauth_cli.oauth.request_form import Fields, named, plain
from everyauth_cli.oauth.resource_indicator import INVALID_TARGET, refused_target
from everyauth_cli.sanitize import printable, redact
from everyauth_cli.services.rules import ChallengeMethod
from everyauth_cli.urls import is_url

SINGLE = ("code", "state", "error", "iss")
"""The parameters of a response that must not be repeated (RFC 6749 section 3.1)."""
OPENID = "openid"
"""The scope that requests an id token (OpenID Connect Core section 3.1.2.1)."""
ACCESS_DENIED = "access_denied"
ERROR_HINTS = {
    "invalid_scope": 'request other scopes: everyauth {command} {service} --scope "..."',
    "unauthorized_client": "compare the registration at the service: everyauth service get {service}",
    "temporarily_unavailable": "try again later",
    "server_error": "try again later",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingLogin:
    """A login at the authorization endpoint: its request, and what the authorization response is checked against.

    `verifier` is PKCE's (RFC 7636), `nonce` that of the id token; each is None where it is not used. A request that was
    pushed has a `request_uri` (RFC 9126), which the browser must use before `request_expires_at`, in milliseconds since
    the epoch. `nonces` are those for its proofs, where its token is to be bound to a key (RFC 9449 section 8).
    """

    request: LoginRequest
    redirect_uri: str
    state: Secret[str]
    verifier: Secret[str] | None
    nonce: Secret[str] | None
    request_uri: Secret[str] | None = None
    request_expires_at: int | None = None
    nonces: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizationResponse:
    """A successful authorization response: the code, and the parameters that the entry says to keep."""

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
        nonce=Secret(secrets.token_urlsafe(32)) if openid and service.nonce else None,
    )


def request_fields(service: Service, pending: PendingLogin) -> Fields:
    """Return the parameters of the authorization request (RFC 6749 section 4.1.1, RFC 8707), under the service's names.

    They are those of a pushed request too.
    """
    fields: Fields = {
        "response_type": "code",
        "client_id": pending.request.client_id,
        "redirect_uri": service.redirect.name or pending.redirect_uri,
        "state": pending.state,
    }
    if pending.request.scope:
        fields["scope"] = pending.request.scope
    if service.resource:
        fields["resource"] = service.resource
    if pending.nonce is not None:
        fields["nonce"] = pending.nonce
    if pending.verifier is not None:
        fields["code_challenge"] = challenge(pending.verifier, service.code_challenge_method)
        # The digest in hexadecimal digits goes by the name of S256 too.
        is_plain = service.code_challenge_method is ChallengeMethod.PLAIN
        fields["code_challenge_method"] = (ChallengeMethod.PLAIN if is_plain else ChallengeMethod.S256).value
    if pending.request.proof_key is not None:
        # RFC 9449 section 10: then the code is bound to the key as well.
        fields["dpop_jkt"] = thumbprint(pending.request.proof_key)
    return {**service.authorization_params, **named(service, fields)}


def authorization_url(service: Service, pending: PendingLogin) -> str:
    """Return the URL of the authorization request, which the browser opens.

    One that was pushed is referred to by two parameters (RFC 9126 section 4).
    """
    fields = request_fields(service, pending)
    if pending.request_uri is not None:
        fields = named(service, {"client_id": pending.request.client_id, "request_uri": pending.request_uri})
    assert service.authorization_endpoint is not None
    parts = urlsplit(service.authorization_endpoint)
    query = "&".join(filter(None, [parts.query, urlencode([(name, plain(value)) for name, value in fields.items()])]))
    return urlunsplit(parts._replace(query=query))


def challenge(verifier: Secret[str], method: ChallengeMethod = ChallengeMethod.S256) -> str:
    """Return the code challenge of a verifier (RFC 7636 section 4.2)."""
    if method is ChallengeMethod.PLAIN:
        return verifier.reveal()
    digest = hashlib.sha256(verifier.reveal().encode())
    return digest.hexdigest() if method is ChallengeMethod.S256_HEX else base64url.encode(digest.digest())


def has_state_of(pending: PendingLogin, query: Sequence[tuple[str, str]]) -> bool:
    """Whether a query has this login's state, and once; any other is a stray or a forgery."""
    states = [value for name, value in query if name == "state"]
    return len(states) == 1 and hmac.compare_digest(states[0].encode(), pending.state.reveal().encode())


def has_issuer_of(service: Service, pending: PendingLogin, query: Sequence[tuple[str, str]]) -> bool:
    """Whether a query names the issuer that the login was begun at, as far as it must (RFC 9207 section 2.4).

    An issuer is compared wherever it is named, and as a text: no other spelling of it is the same. Where the issuer is
    not known, any is as good as none.
    """
    named = [value for name, value in query if name == "iss"]
    if not named:
        return not service.authorization_response_iss_parameter_supported
    return pending.request.issuer is None or named == [pending.request.issuer]


@raised_anew
def read_response(service: Service, pending: PendingLogin, query: Sequence[tuple[str, str]]) -> AuthorizationResponse:
    """Check an authorization response and return its code (RFC 6749 section 4.1.2, RFC 9207).

    Raises `LoginFailed` for a denial and for a response that must not be trusted, `ServiceError` for an error of the
    service.
    """
    if not has_state_of(pending, query):
        raise LoginFailed("the authorization response does not belong to this login: it has another state")
    single = (*SINGLE, *(param.callback for param in service.params if param.callback))
    repeated = [name for name in single if [n for n, _ in query].count(name) > 1]
    if repeated:
        raise LoginFailed(
            f"the authorization response has {repeated[0]} twice, which RFC 6749 section 3.1 forbids; "
            "no code was redeemed"
        )
    params = dict(query)
    if not has_issuer_of(service, pending, query):
        raise _another_issuer(pending, params.get("iss"))
    if "error" in params:
        raise _error(service, params)
    if not params.get("code"):
        raise LoginFailed(f"the authorization response of {service.name} has neither a code nor an error")
    kept = {name: params[name] for name in service.keep_callback if name in params}
    return AuthorizationResponse(code=Secret(params["code"]), kept=kept)


def _another_issuer(pending: PendingLogin, iss: str | None) -> LoginFailed:
    named = f"names the issuer {printable(iss)}" if iss else "names no issuer"
    return LoginFailed(
        f"the authorization response {named}, not {pending.request.issuer}: it may come from another authorization "
        "server (RFC 9207); the code was not redeemed"
    )


def _error(service: Service, params: Mapping[str, str]) -> LoginFailed | ServiceError:
    code, description = printable(redact(params["error"])), printable(redact(params.get("error_description", "")))
    reason = f"{code}: {description}" if description else code
    if "code" in params:
        return LoginFailed(
            f"the authorization response of {service.name} has both a code and an error ({reason}); "
            "the code was not redeemed"
        )
    if service.error_words.get(code, code) == ACCESS_DENIED:
        return LoginDenied(f"access was denied at {service.name} ({reason})")
    about, hint = explained(service, code)
    return ServiceError(f"{service.name} refused the login ({reason}){about}", hint=hint, error=code)


def explained(service: Service, code: str | None) -> tuple[str, str | None]:
    """Return what else is known of an error of an authorization request, and what to type next."""
    meant = service.error_words.get(code or "", code or "")
    if meant == INVALID_TARGET:
        about, hint = refused_target(service)
        return f": {about}" if about else "", hint
    command = "login" if is_url(service.name) else "service set"
    return "", ERROR_HINTS.get(meant, "").format(service=shlex.quote(service.name), command=command) or None
