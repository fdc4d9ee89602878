"""Client authentication at the sandbox's token and revocation endpoints (RFC 6749 section 2.3)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from everyauth_cli.model import Service
from everyauth_cli.sandbox.grants import OAuthError, Registration
from everyauth_cli.sandbox.requests import BasicCredentials
from everyauth_cli.sandbox.signing_keys import claims_signed_by
from everyauth_cli.services.rules import AssertionAudience, AssertionSubject, ClientAuthMethod

BASIC_METHODS = (ClientAuthMethod.CLIENT_SECRET_BASIC, ClientAuthMethod.CLIENT_SECRET_BASIC_OR_EMPTY)


ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
LONGEST_LIFETIME = 300
"""Seconds until an assertion expires, at most."""
LEEWAY = 30
"""Seconds by which the clock of a client may be ahead."""


class Assertions:
    """Checks assertions that a client's key signed (RFC 7523 section 3), each of which is good for one request.

    `clock` gives milliseconds since the epoch. Not for several threads at once.
    """

    def __init__(self, service: Service, *, clock: Callable[[], int]) -> None:
        self._service, self._clock = service, clock
        self._used: set[str] = set()

    def client(self, clients: Mapping[str, Registration], form: Mapping[str, str]) -> Registration:
        """Return the client that signed the assertion of a request; raises `OAuthError`."""
        if form.get("client_assertion_type") != ASSERTION_TYPE or "client_secret" in form:
            raise OAuthError("invalid_request", "The client authenticates by one assertion of RFC 7523.")
        client = clients.get(form.get("client_id", ""))
        claims = claims_signed_by(client.public_key, form["client_assertion"]) if client and client.public_key else None
        if client is None or claims is None or not self._is_good(claims, client):
            raise OAuthError("invalid_client", "Client authentication failed.", status=401)
        self._used.add(claims["jti"])
        return client

    def signer_of_secret(self, clients: Mapping[str, Registration], form: Mapping[str, str]) -> Registration:
        """Return the client whose key signed the client secret of a request; raises `OAuthError`."""
        client, text = clients.get(required(form, "client_id")), required(form, "client_secret")
        expected = self._service.client_assertion.secret_claims
        key = client.public_key if client else None
        found = claims_signed_by(key, text, kid=expected.get("kid")) if key else None
        names = {name: expected[name] for name in ("iss", "aud") if name in expected} | {"sub": form["client_id"]}
        if client is None or found is None or not self._is_in_time(found) or not names.items() <= found.items():
            raise OAuthError("invalid_client", "Client authentication failed.")
        return client

    def grant(self, clients: Mapping[str, Registration], text: str) -> tuple[Registration, Mapping[str, Any]]:
        """Return the client that signed an assertion of the JWT bearer grant, and its claims; raises `OAuthError`."""
        signed = (
            (client, claims_signed_by(client.public_key, text)) for client in clients.values() if client.public_key
        )
        client, claims = next(((client, claims) for client, claims in signed if claims), (None, {}))
        if client is None or claims.get("iss") != client.client_id:
            raise OAuthError("invalid_grant", "The assertion is not signed by a client of this server.")
        if not self._is_in_time(claims):
            raise OAuthError("invalid_grant", "The assertion has expired, was signed in the future, or lives too long.")
        if not self._is_new(claims):
            raise OAuthError("invalid_grant", "The assertion has no jti, or one that was used before.")
        rules = self._service.jwt_bearer
        is_meant = claims.get("aud") == rules.audience if rules.audience else self._is_meant(claims.get("aud"))
        if not is_meant or ("sub" not in claims and rules.subject is not AssertionSubject.OMITTED):
            raise OAuthError("invalid_grant", "The assertion is for another server, or has no subject.")
        self._used.add(claims["jti"])
        return client, claims

    def _is_good(self, claims: Mapping[str, Any], client: Registration) -> bool:
        names = claims.get("iss") == claims.get("sub") == client.client_id
        return self._is_in_time(claims) and self._is_new(claims) and names and self._is_meant(claims.get("aud"))

    def _is_in_time(self, claims: Mapping[str, Any]) -> bool:
        now = self._clock() // 1000
        exp, iat = claims.get("exp"), claims.get("iat", now)
        if not (isinstance(exp, int) and isinstance(iat, int)):
            return False
        return iat - LEEWAY <= now < exp <= now + LONGEST_LIFETIME

    def _is_new(self, claims: Mapping[str, Any]) -> bool:
        jti = claims.get("jti")
        return isinstance(jti, str) and jti not in self._used

    def _is_meant(self, audience: object) -> bool:
        """Whether the audience is one: the issuer, or the token endpoint."""
        if not isinstance(audience, str):
            return False
        is_issuer = self._service.client_assertion.audience is AssertionAudience.ISSUER and self._service.issuer
        if is_issuer:
            return audience == self._service.issuer
        return urlsplit(audience).path == urlsplit(self._service.token_endpoint).path


def authenticated(
    clients: Mapping[str, Registration], form: Mapping[str, str], basic: BasicCredentials | None, *, method: str
) -> Registration:
    """Return the client of a request; raises `OAuthError`."""
    # One way to authenticate at a time (RFC 6749 section 2.3).
    if basic and ("client_secret" in form or form.get("client_id", basic[0]) != basic[0]):
        raise OAuthError("invalid_request", "The client authenticates in the header and in the body.")
    client_id, secret = basic or (required(form, "client_id"), form.get("client_secret"))
    client = clients.get(client_id)
    if client is None or not client.has_secret(secret) or not _is_documented(method, basic, secret):
        raise OAuthError("invalid_client", "Client authentication failed.", status=401)
    return client


def required(form: Mapping[str, str], name: str) -> str:
    """Return a parameter that must be there; raises `OAuthError`."""
    if name not in form:
        raise OAuthError("invalid_request", f"The parameter {name} is missing.")
    return form[name]


def _is_documented(method: str, basic: BasicCredentials | None, secret: str | None) -> bool:
    """Whether a client authenticates in the way that the service documents, or without a secret."""
    return (basic is not None) == (method in BASIC_METHODS) or not (basic or secret)
