"""Client authentication at the sandbox's token and revocation endpoints (RFC 6749 section 2.3)."""

from __future__ import annotations

from collections.abc import Mapping

from everyauth_cli.sandbox.grants import OAuthError, Registration
from everyauth_cli.sandbox.requests import BasicCredentials
from everyauth_cli.services.rules import ClientAuthMethod

BASIC_METHODS = (ClientAuthMethod.CLIENT_SECRET_BASIC, ClientAuthMethod.CLIENT_SECRET_BASIC_OR_EMPTY)


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
