"""The pushed authorization request and its response (RFC 9126): the browser then only has a reference to it."""

from __future__ import annotations

import re
from dataclasses import replace

from everyauth_cli.errors import EveryAuthError, InvalidGrant, LoginFailed, ServiceError, ServiceUnreadable, raised_anew
from everyauth_cli.model import ACCEPT_JSON, Client, Request, Response, Secret, Service
from everyauth_cli.oauth.authorization_code import PendingLogin, explained, request_fields
from everyauth_cli.oauth.client_authentication import authenticated
from everyauth_cli.oauth.error_response import read_fields
from everyauth_cli.oauth.lifetime import lifetime_of
from everyauth_cli.oauth.request_form import shaped
from everyauth_cli.urls import is_url

ENDPOINT = "pushed_authorization_request_endpoint"
REFERENCE = re.compile(r"[!-~]{1,4000}")
"""A request_uri, which is a URI, no longer than fits into the URL that a browser opens."""


def push_request(service: Service, client: Client, pending: PendingLogin, *, now: int | None = None) -> Request:
    """Return the request that pushes all parameters, with client authentication as at the token endpoint (section 2.1).

    `now` is milliseconds since the epoch, by default the system's time.
    """
    assert service.pushed_authorization_request_endpoint is not None
    fields = request_fields(service, pending)
    request = Request(url=service.pushed_authorization_request_endpoint, fields=fields, headers=ACCEPT_JSON)
    request = authenticated(request, service, client, method=service.token_endpoint_auth_method, now=now)
    return shaped(request, service, None)


@raised_anew
def read_pushed(service: Service, pending: PendingLogin, response: Response, *, now: int) -> PendingLogin:
    """Return the login with the reference to its request (section 2.2); `now` is the time when that was sent.

    Raises `LoginFailed`, `ClientRejected` or `ServiceError` (section 2.3).
    """
    fields = read_fields(service, response, key=ENDPOINT)
    request_uri = fields.get("request_uri")
    if not isinstance(request_uri, str) or not REFERENCE.fullmatch(request_uri):
        raise ServiceUnreadable(f"{service.name} answered without a usable request_uri", status=response.status)
    lifetime = lifetime_of(fields.get("expires_in"))
    expires_at = None if lifetime is None else now + lifetime
    return replace(pending, request_uri=Secret(request_uri), request_expires_at=expires_at)


def failed_push(service: Service, error: EveryAuthError) -> EveryAuthError:
    """Return an error of a push with the push in its message, and a hint.

    There is no other way to log in: who is in between could have made the push fail to see the request.
    """
    name, needed = service.name, service.require_pushed_authorization_requests
    role = "requires" if needed else "offers"
    message = f"the pushed authorization request, which {name} {role} (RFC 9126), failed: {error.message}"
    if isinstance(error, InvalidGrant):
        return LoginFailed(message)
    _, hint = explained(service, error.error) if isinstance(error, ServiceError) else ("", None)
    if hint is None and ENDPOINT in service.own_keys and not (needed or is_url(name)):
        hint = f"to log in without it, remove {ENDPOINT} from services/{service.registered_at.name}.toml"
    return error.copy(message=message, hint=error.hint or hint)
