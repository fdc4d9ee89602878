"""Dynamic client registration (RFC 7591): the request, and what the response says of the client."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from everyauth_cli.errors import ServiceError, ServiceUnreachable, ServiceUnreadable, raised_anew
from everyauth_cli.model import ACCEPT_JSON, Request, Response, Secret
from everyauth_cli.oauth.response_body import read_json
from everyauth_cli.sanitize import printable
from everyauth_cli.services.rules import DEVICE_CODE, REFRESH_TOKEN, ClientAuthMethod

CLIENT_NAME = "everyauth"
GRANT_TYPES = ("authorization_code", REFRESH_TOKEN)
USABLE = (ClientAuthMethod.NONE, ClientAuthMethod.CLIENT_SECRET_BASIC, ClientAuthMethod.CLIENT_SECRET_POST)
INVALID_REDIRECT_URI, INVALID_CLIENT_METADATA = "invalid_redirect_uri", "invalid_client_metadata"
SECONDS = 10.0
CREDENTIAL = re.compile(r"[ -~]{1,10000}")
"""An id or a secret (RFC 6749 sections A.1 and A.2), as long as any that a person can set."""
UNKNOWN_CLIENT = (400, 401, 404, 410, 422)
"""Statuses that are of the request; others of 4xx are of a gateway that keeps programs out, or of load."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """A client as the server registered it (RFC 7591 section 3.2.1).

    `secret_expires_at` is in seconds since the epoch, 0 for never.
    """

    client_id: str
    client_secret: Secret[str] | None
    method: ClientAuthMethod
    secret_expires_at: int


def registration_request(
    endpoint: str, *, redirect_uri: str, scopes: Sequence[str], method: ClientAuthMethod, device: bool = False
) -> Request:
    """Return the request that registers a native public client (RFC 7591 section 3.1, RFC 8252 section 8.4).

    With `device` its logins may be by a device code too (RFC 8628).
    """
    document: dict[str, Any] = {
        "application_type": "native",
        "client_name": CLIENT_NAME,
        "redirect_uris": [redirect_uri],
        "grant_types": [*GRANT_TYPES, *([DEVICE_CODE] if device else [])],
        "response_types": ["code"],
        "token_endpoint_auth_method": method.value,
    }
    if scopes:
        document["scope"] = " ".join(scopes)
    return Request(url=endpoint, document=document, headers=ACCEPT_JSON, deadline=SECONDS)


def preflight_request(
    endpoint: str, *, client_id: str, redirect_uri: str, scopes: Sequence[str], resource: str | None
) -> Request:
    """Return a first authorization request, by which it shows whether a server still knows a client (RFC 6749 4.1.1).

    A code that may come of it is worthless: no verifier has its challenge.
    """
    fields = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": redirect_uri,
        "state": secrets.token_urlsafe(32),
        "code_challenge": secrets.token_urlsafe(32),
        "code_challenge_method": "S256",
        **({"scope": " ".join(scopes)} if scopes else {}),
        **({"resource": resource} if resource else {}),
    }
    joint = "&" if "?" in endpoint else "?"
    return Request(url=f"{endpoint}{joint}{urlencode(fields)}", method="GET", deadline=SECONDS)


def is_unknown(response: Response) -> bool:
    """Return whether an authorization endpoint shows its own error in place of a login, as for a client it forgot."""
    return response.status in UNKNOWN_CLIENT


@raised_anew
def read_registration(issuer: str, response: Response, *, redirect_uri: str) -> Registration:
    """Return the client in a response; what it says counts, and not what was asked for.

    Raises `ServiceError` with the server's own words, or where it registered other redirect URIs alone,
    `ServiceUnreachable`, and `ServiceUnreadable` for a client that cannot be used: without an id, with a method that we
    lack, or with a secret's method and no secret.
    """
    fields = read_json(response.body.reveal(), response.content_type)
    fields = fields if isinstance(fields, dict) else {}
    if not response.is_success or "error" in fields:
        raise _refused(issuer, response, fields)
    client_id, client_secret = _credential(issuer, fields, "client_id"), _credential(issuer, fields, "client_secret")
    if client_id is None:
        raise ServiceUnreadable(f"{issuer} answered the registration without a client_id", status=response.status)
    _check_redirect_uri(issuer, fields.get("redirect_uris"), redirect_uri)
    expiry = fields.get("client_secret_expires_at")
    return Registration(
        client_id=client_id.reveal(),
        client_secret=client_secret,
        method=_method(issuer, fields, has_secret=client_secret is not None),
        secret_expires_at=expiry if type(expiry) is int and expiry > 0 else 0,
    )


def _credential(issuer: str, fields: Mapping[str, Any], name: str) -> Secret[str] | None:
    value = fields.get(name)
    if not isinstance(value, str) or not value:
        return None
    if CREDENTIAL.fullmatch(value) is None:
        raise ServiceUnreadable(f"{issuer} answered the registration with a {name} that is none (RFC 6749 appendix A)")
    return Secret(value)


def _check_redirect_uri(issuer: str, stated: object, ours: str) -> None:
    """Raise `ServiceError` where a server has replaced our redirect URI (RFC 7591 section 3.2.1): no login would end.

    The port does not matter on loopback (RFC 8252 section 7.3).
    """
    named = [uri for uri in stated if isinstance(uri, str)] if isinstance(stated, list) else []
    if named and _without_port(ours) not in map(_without_port, named):
        raise ServiceError(
            f"{issuer} registered everyauth with the redirect URI {printable(named[0], 200)}, and not with {ours}",
            error=INVALID_REDIRECT_URI,
        )


def _without_port(uri: str) -> str:
    return re.sub(r"^(http://[^/:]+):[0-9]+(?=/)", r"\1", uri)


def _method(issuer: str, fields: Mapping[str, Any], *, has_secret: bool) -> ClientAuthMethod:
    # RFC 7591 section 2: client_secret_basic where the response names none, which a client without a secret cannot use.
    default = ClientAuthMethod.CLIENT_SECRET_BASIC if has_secret else ClientAuthMethod.NONE
    assigned = fields.get("token_endpoint_auth_method", default.value)
    method = next((method for method in USABLE if method.value == assigned), None)
    if method is None:
        shown = printable(str(assigned), 80)
        raise ServiceUnreadable(f"{issuer} registered everyauth for {shown}, which everyauth does not offer here")
    if method is not ClientAuthMethod.NONE and not has_secret:
        raise ServiceUnreadable(f"{issuer} registered everyauth for {method.value}, and gave it no secret")
    return method


def _refused(issuer: str, response: Response, fields: Mapping[str, Any]) -> ServiceError:
    if response.is_temporary:
        return ServiceUnreachable(
            f"{issuer} answered HTTP {response.status} to the registration",
            status=response.status,
            retry_after=response.retry_after,
        )
    code, description = fields.get("error"), fields.get("error_description")
    words = ": ".join(printable(text, 300) for text in (code, description) if isinstance(text, str) and text)
    return ServiceError(
        f"{issuer} refused to register everyauth ({words or f'HTTP {response.status}'})",
        error=printable(code, 80) if isinstance(code, str) else None,
        status=response.status,
    )
