"""The device authorization grant (RFC 8628): the two requests, and the codes that a user enters elsewhere."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from everyauth_cli.errors import ServiceUnreadable, raised_anew
from everyauth_cli.model import ACCEPT_JSON, Client, Request, Response, Secret, Service
from everyauth_cli.oauth.authorization_code import challenge
from everyauth_cli.oauth.client_authentication import authenticated
from everyauth_cli.oauth.error_response import read_fields
from everyauth_cli.oauth.lifetime import lifetime_of
from everyauth_cli.oauth.login_request import LoginRequest
from everyauth_cli.oauth.polling import Polling, seconds_of
from everyauth_cli.oauth.request_form import Fields, client_values, from_template, shaped
from everyauth_cli.oauth.token_endpoint import VSCHAR, token_request
from everyauth_cli.sanitize import printable
from everyauth_cli.services.rules import DEVICE_CODE, ChallengeMethod, RequestKind
from everyauth_cli.urls import check_link, is_loopback

ENDPOINT = "device_authorization_endpoint"
DEFAULT_INTERVAL = 5.0
"""Seconds between two polls where the server names none (RFC 8628 section 3.2)."""
SHORTEST_INTERVAL = 1.0
DEFAULT_LIFETIME_MS = 15 * 60 * 1000
LONGEST_LIFETIME_MS = 24 * 60 * 60 * 1000
USER_CODE_LENGTH, URL_LENGTH = 100, 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceAuthorization:
    """The codes of a device authorization response (RFC 8628 section 3.2), and where a user enters the user code.

    `expires_at` is milliseconds since the epoch; `interval` is seconds between two polls.
    """

    device_code: Secret[str]
    user_code: str
    verification_uri: str
    verification_uri_complete: str | None
    expires_at: int
    interval: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingDevice:
    """A login that a user confirms on another device: its request, the codes, and when to ask for its token next.

    `verifier` is PKCE's (RFC 7636), None where it is not used. `poll_at` is milliseconds since the epoch. `nonces` are
    the last ones for its proofs, where its token is to be bound to a key (RFC 9449).
    """

    request: LoginRequest
    authorization: DeviceAuthorization
    verifier: Secret[str] | None
    polling: Polling
    poll_at: int
    nonces: Mapping[str, str] = field(default_factory=dict)


def device_verifier(service: Service) -> Secret[str] | None:
    """Return a new code verifier; None where the service has no use for one in this grant."""
    return Secret(secrets.token_urlsafe(48)) if service.device.pkce else None


def device_authorization_request(
    service: Service, client: Client, *, scope: str, verifier: Secret[str] | None = None, now: int | None = None
) -> Request:
    """Return the device authorization request (RFC 8628 section 3.1, RFC 7636, RFC 8707); an empty scope requests none.

    The client authenticates as at the token endpoint. `now` is milliseconds since the epoch.
    """
    assert service.device_authorization_endpoint is not None
    params = from_template(service.device.params, {**client_values(client), "scope": scope})
    has_scope = scope and "{scope}" not in service.device.params.values()
    # Beside HTTP Basic too: some services look for the client id here alone.
    fields: Fields = {"client_id": client.client_id, **params, **({"scope": scope} if has_scope else {})}
    if service.resource:
        fields["resource"] = service.resource
    if verifier is not None:
        fields["code_challenge"] = challenge(verifier)
        fields["code_challenge_method"] = ChallengeMethod.S256.value
    request = Request(url=service.device_authorization_endpoint, fields=fields, body=service.body, headers=ACCEPT_JSON)
    method = service.token_endpoint_auth_method
    return shaped(authenticated(request, service, client, method=method, now=now), service, None)


def device_token_request(
    service: Service, client: Client, pending: PendingDevice, *, now: int | None = None
) -> Request:
    """Return the request for the token of a device code, which is sent until the user has decided (section 3.4)."""
    scope, codes = pending.request.scope, pending.authorization
    if template := service.device.token_params:
        known: Fields = {"device_code": codes.device_code, "user_code": codes.user_code, "scope": scope}
        fields = from_template(template, {**client_values(client), **known})
        request = Request(url=service.token_endpoint, fields=fields, body=service.body, headers=ACCEPT_JSON)
        return shaped(request, service, RequestKind.DEVICE_CODE)
    fields = {"grant_type": DEVICE_CODE, "device_code": codes.device_code}
    if pending.verifier is not None:
        fields["code_verifier"] = pending.verifier
    return token_request(
        service, client, service.token_endpoint, fields, kind=RequestKind.DEVICE_CODE, scope=scope, now=now
    )


@raised_anew
def read_device_authorization(service: Service, response: Response, *, now: int) -> DeviceAuthorization:
    """Return the codes in a response (RFC 8628 section 3.2); `now` is when it was requested.

    Raises `ServiceUnreadable` for one that a user could not follow or must not, and what `read_fields` does.
    """
    fields = read_fields(service, response, key=ENDPOINT)
    lifetime = min(lifetime_of(fields.get("expires_in")) or DEFAULT_LIFETIME_MS, LONGEST_LIFETIME_MS)
    interval = max(seconds_of(fields.get("interval"), DEFAULT_INTERVAL), SHORTEST_INTERVAL)
    if interval * 1000 > lifetime:
        raise _unusable(service, f"it asks to wait {interval:g} s before each poll, and its code ends before")
    return DeviceAuthorization(
        device_code=_device_code(service, fields),
        user_code=_user_code(service, fields),
        verification_uri=_verification_uri(service, fields),
        verification_uri_complete=_page(service, fields.get("verification_uri_complete")),
        expires_at=now + lifetime,
        interval=interval,
    )


def _device_code(service: Service, fields: Mapping[str, Any]) -> Secret[str]:
    value = fields.get("device_code")
    if isinstance(value, str) and VSCHAR.fullmatch(value):
        return Secret(value)
    raise _unusable(service, "it has no device_code")


def _user_code(service: Service, fields: Mapping[str, Any]) -> str:
    value = fields.get("user_code")
    if not isinstance(value, str) or not value.strip():
        raise _unusable(service, "it has no user_code")
    if printable(value, USER_CODE_LENGTH) != value.strip():
        raise _unusable(service, "its user_code is nothing that a person could type")
    return value.strip()


def _verification_uri(service: Service, fields: Mapping[str, Any]) -> str:
    # Its name before the RFC, which some services have kept.
    value = fields.get("verification_uri", fields.get("verification_url"))
    if (page := _page(service, value)) is not None:
        return page
    shown = f'"{printable(value)}"' if isinstance(value, str) else "none"
    raise _unusable(service, f"its verification_uri is {shown}, and no https page of another computer")


def _page(service: Service, value: object) -> str | None:
    """Return the URL of a page that a user may be sent to; None for any other value."""
    if not isinstance(value, str) or len(value) > URL_LENGTH:
        return None
    try:
        url = check_link(value.strip())
    except ValueError:
        return None
    # Only a server on this machine may send its users to this machine.
    return None if is_loopback(url) and not is_loopback(service.token_endpoint) else url


def _unusable(service: Service, problem: str) -> ServiceUnreadable:
    return ServiceUnreadable(f"{service.name} answered the {ENDPOINT} request with what cannot be used: {problem}")
