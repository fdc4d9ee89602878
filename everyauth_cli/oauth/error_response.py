"""Reads the fields of a response from the token or revocation endpoint, or raises the error that it reports."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from everyauth_cli.errors import (
    ClientRejected,
    EveryAuthError,
    InvalidGrant,
    ServiceError,
    ServiceUnreachable,
    ServiceUnreadable,
)
from everyauth_cli.model import TOO_MANY_REQUESTS, Response, Service
from everyauth_cli.sanitize import printable, redact

UNAUTHORIZED = 401
FORM = "application/x-www-form-urlencoded"
INVALID_CLIENT, INVALID_GRANT = "invalid_client", "invalid_grant"

# The fields in which services that do not follow RFC 6749 report an error.
CODES = ("error_code", "errorCode", "errcode", "err_code", "code", "reason")
MESSAGES = (
    "error_description",
    "error_message",
    "errorMessage",
    "errmsg",
    "message",
    "msg",
    "detail",
    "title",
    "errors",
)


def read_fields(service: Service, response: Response, *, key: str = "token_endpoint") -> dict[str, Any]:
    """Return the fields of a successful response, or raise the error that it reports.

    `key` is the entry's key of the endpoint, for hints. Some services report an error with status 200, and some send
    a token form-encoded.
    """
    fields = _parse(response)
    if response.is_temporary:
        raise _temporary(service, response)
    if fields is not None and fields.get("error"):
        raise _error(service, response, fields)
    # RFC 6749 section 5.2 keeps this status for a rejected client; some services send it with nothing else.
    if response.status == UNAUTHORIZED and (fields is not None or not response.body.reveal().strip()):
        raise _client_rejected(service, f"HTTP {UNAUTHORIZED}")
    if fields is None or 300 <= response.status < 400:  # noqa: PLR2004 - RFC 9110 section 15.4
        raise _unreadable(service, response, key)
    if response.status >= 400:  # noqa: PLR2004 - RFC 9110 section 15.5
        code, detail = reported(fields)
        raise ServiceError(f"{service.name} answers HTTP {response.status}{detail}", error=code, status=response.status)
    return fields


def reported(fields: Mapping[str, Any]) -> tuple[str | None, str]:
    """Return the error code in fields of unknown shape, and the message in brackets, or else the fields' names."""
    code = next((fields[name] for name in CODES if isinstance(fields.get(name), str | int)), None)
    found = {name: fields[name] for name in (*CODES, *MESSAGES) if fields.get(name)}
    words = [f"{name}: {printable(redact(str(value)))}" for name, value in found.items()]
    detail = ", ".join(words) or printable(
        "its fields are " + ", ".join(map(redact, fields)) if fields else "it is empty"
    )
    return None if code is None else printable(redact(str(code)), 80), f" ({detail})"


def _parse(response: Response) -> dict[str, Any] | None:
    text = response.body.reveal().decode("utf-8", errors="replace")
    if response.content_type.partition(";")[0].strip().lower() == FORM:
        return dict(parse_qsl(text))
    try:
        # Python would read and write NaN and Infinity, which are not JSON.
        fields = json.loads(text, parse_constant=lambda _: None)
    except (ValueError, RecursionError):
        return None
    return fields if isinstance(fields, dict) else None


def _temporary(service: Service, response: Response) -> ServiceUnreachable:
    wait = f", and asks to wait {_wait(response.retry_after)}" if response.retry_after else ""
    return ServiceUnreachable(
        f"{service.name} answers HTTP {response.status}{wait}",
        # A gateway may answer 5xx although the service behind it acted on the request.
        lost=response.status != TOO_MANY_REQUESTS,
        status=response.status,
        retry_after=response.retry_after,
    )


def _wait(retry_after: str) -> str:
    """Return a Retry-After in words: it is a number of seconds or a date (RFC 9110 section 10.2.3)."""
    text = printable(retry_after, 40)
    return f"{text} s" if text.isdecimal() else f"until {text}"


def _unreadable(service: Service, response: Response, key: str) -> ServiceUnreadable:
    hint = f"check {key}: everyauth service get {service.name}"
    if 300 <= response.status < 400:  # noqa: PLR2004 - RFC 9110 section 15.4
        message = (
            f"{service.name}'s {key} redirects (HTTP {response.status}); that is not followed, "
            "because it would hand the credentials to another host"
        )
        return ServiceUnreadable(message, hint=hint, status=response.status)
    kind = printable(response.content_type.partition(";")[0], 60)
    kind = "something else" if not kind or "json" in kind else kind
    message = f"{service.name} answered with {kind} where JSON was expected (HTTP {response.status})"
    return ServiceUnreadable(message, hint=hint, status=response.status)


def _error(service: Service, response: Response, fields: Mapping[str, Any]) -> EveryAuthError:
    error: Any = fields["error"]
    description = fields.get("error_description")
    if isinstance(error, dict):
        error, description = error.get("type") or error.get("code") or "error", error.get("message")
    own = printable(redact(str(error)), 80)
    reason = f"{own} ({printable(redact(str(description)))})" if description else own
    code = service.error_words.get(own, own)
    if code == INVALID_CLIENT:
        return _client_rejected(service, reason)
    kind = InvalidGrant if code == INVALID_GRANT else ServiceError
    return kind(f"{service.name} answered {reason}", error=code, status=response.status)


def _client_rejected(service: Service, reason: str) -> ClientRejected:
    return ClientRejected(
        f"{service.name} does not accept the client id and secret: {reason}",
        hint=f"everyauth service set {service.name} --client-id ID --client-secret -",
    )
