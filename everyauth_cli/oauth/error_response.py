"""Reads the fields of a response from the token or revocation endpoint, or raises the error that it reports."""

from __future__ import annotations

import itertools
import re
import shlex
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any

from everyauth_cli.errors import (
    ClientRejected,
    EveryAuthError,
    InvalidGrant,
    ServiceError,
    ServiceUnreachable,
    ServiceUnreadable,
    raised_anew,
)
from everyauth_cli.model import TOO_MANY_REQUESTS, Response, Service
from everyauth_cli.oauth.client_authentication import client_rejected
from everyauth_cli.oauth.dpop import CLOCK_HINT, PROOF_CODES
from everyauth_cli.oauth.resource_indicator import INVALID_TARGET, refused_target
from everyauth_cli.oauth.response_body import failure_in, holds_token, read_json, read_object, value_at
from everyauth_cli.sanitize import printable, redact

BAD_REQUEST, FORBIDDEN = 400, 403
UNAUTHORIZED, UNAUTHORIZED_PHRASE = 401, "unauthorized"
"""The status and its phrase (RFC 9110 section 15.5.2), which some services send as the error code."""
WITHOUT_FORM = (BAD_REQUEST, UNAUTHORIZED)
"""The statuses of an error (RFC 6749 section 5.2), in plain text too; with others it may be a gateway's."""
MESSAGE_BYTES = 2000
DEPTH = 4
"""Levels of a nested error in which its code is looked for."""
ERROR_CODES = ("error_code", "errorCode", "errcode", "err_code", "code", "reason")
NESTED_CODES = ("type", "code", "error", *ERROR_CODES)
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
"""Fields in which responses that do not follow RFC 6749 say what is wrong."""
BARE_CODE = re.compile(rb"\s*\"?([A-Za-z_]{3,60})\"?\s*")
INVALID_CLIENT, INVALID_GRANT = "invalid_client", "invalid_grant"
GRANT_CODES = frozenset(
    {INVALID_GRANT, "login_required", "consent_required", "interaction_required", "account_selection_required"}
)
"""The grant is over, or the user has to be there: RFC 6749 section 5.2, OpenID Connect Core section 3.1.2.6."""
TOKEN_ERRORS = (INVALID_GRANT, "invalid_token")
"""The token is not valid (any more)."""
CLIENT_CODES = frozenset({INVALID_CLIENT, "unauthorized_client"})
SCOPE_CODES = frozenset({"invalid_scope", "insufficient_scope"})
NOT_NOW_CODES = frozenset(
    {"temporarily_unavailable", "server_error", "slow_down", "rate_limit_exceeded", "too_many_requests", "ratelimited"}
)
"""Words for a 503 or 429 that come with another status (RFC 6749 section 4.1.2.1, RFC 8628 section 3.5)."""
KNOWN_CODES = GRANT_CODES | CLIENT_CODES | SCOPE_CODES | NOT_NOW_CODES | PROOF_CODES


class Refusal(StrEnum):
    """The subject of a token endpoint's refusal, by which a refresh decides what becomes of the stored grant."""

    GRANT = "grant"  # it is over: only a login helps
    CLIENT = "client"
    SCOPE = "scope"
    NOT_NOW = "not_now"  # load, a network in between, a refresh that comes too early: says nothing about the grant
    OTHER = "other"  # the service refuses, and does not say why in words that are known


def refusal_of(error: EveryAuthError) -> Refusal:
    """Return the subject of an error that `read_fields`, `read_token` or the transport raised."""
    match error:
        case InvalidGrant():
            return Refusal.GRANT
        case ClientRejected():
            return Refusal.CLIENT
        case ServiceUnreachable() | ServiceUnreadable():
            return Refusal.NOT_NOW
        case ServiceError(error=code) if code in SCOPE_CODES:
            return Refusal.SCOPE
    return Refusal.OTHER


@raised_anew
def read_fields(
    service: Service, response: Response, *, key: str = "token_endpoint", ignores_error: bool = False
) -> dict[str, Any]:
    """Return the fields of a successful response, or raise the error that it reports, in any of the shapes in use.

    `key` is the entry's key of the endpoint, for hints. Some services report an error with status 200. With
    `ignores_error` one beside a new token is ignored, so that the token is not lost.
    Raises `InvalidGrant`, `ClientRejected`, `ServiceUnreachable`, `ServiceUnreadable` or another `ServiceError`.
    """
    whole = _fields(response)
    if response.is_temporary:
        raise _temporary(service, response)
    is_success = 200 <= response.status < 300  # noqa: PLR2004 - RFC 9110 section 15.3
    fields = _inside(service, whole)
    if whole is not None and fields is not None:
        has_token = is_success and holds_token(fields)
        if not (has_token and ignores_error):
            _check_error(service, response, whole, key=key, has_token=has_token)
    # RFC 6749 section 5.2 keeps this status for a rejected client; some services send it with nothing else.
    if response.status == UNAUTHORIZED and (fields is not None or not response.is_page):
        reason = f"HTTP {UNAUTHORIZED}{reported(fields)[1] if fields else ''}"
        raise client_rejected(service, reason, key=key)
    if fields is None or 300 <= response.status < 400:  # noqa: PLR2004 - RFC 9110 section 15.4
        raise _unreadable(service, response, key)
    if response.status >= 400:  # noqa: PLR2004 - RFC 9110 section 15.5
        code, words = reported(fields)
        raise ServiceError(f"{service.name} answers HTTP {response.status}{words}", error=code, status=response.status)
    return fields


def reported(fields: Mapping[str, Any]) -> tuple[str | None, str]:
    """Return the error code in fields of unknown shape, and the message in brackets, or else the fields' names."""
    code = next((fields[name] for name in ERROR_CODES if isinstance(fields.get(name), str | int)), None)
    found = {name: fields[name] for name in (*ERROR_CODES, *MESSAGES) if fields.get(name)}
    words = [f"{name}: {printable(redact(str(value)))}" for name, value in found.items()]
    names = "its fields are " + ", ".join(map(redact, fields)) if fields else "it is empty"
    return None if code is None else printable(redact(str(code)), 80), f" ({', '.join(words) or printable(names)})"


def _fields(response: Response) -> dict[str, Any] | None:
    body = response.body.reveal()
    if response.status >= 400 and (bare := BARE_CODE.fullmatch(body)):  # noqa: PLR2004 - RFC 9110 section 15.5
        return {"error": bare[1].decode()}
    # A form says nowhere that it ends, so that a token that was cut off would be taken for a whole one.
    if not response.is_complete and b"}" not in body:
        return None
    fields = read_object(body, response.content_type)
    if fields is None and response.status >= 400 and not response.is_page:  # noqa: PLR2004 - RFC 9110 section 15.5
        return _message_of(response)
    return fields


def _message_of(response: Response) -> dict[str, Any] | None:
    """Return an error that is no object as one: a JSON text or array, plain text, or with status 400 nothing at all."""
    body = response.body.reveal()
    value = read_json(body, response.content_type)
    if value is None and response.status in WITHOUT_FORM and response.content_type.startswith("text/plain"):
        value = body[:MESSAGE_BYTES].decode(errors="replace").strip()
    if value:
        return {"errors" if isinstance(value, list) else "message": value}
    return {} if response.status == BAD_REQUEST and not body.strip() else None


def _inside(service: Service, fields: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return the fields that are inside another one at this service; an error may have none there."""
    inner = value_at(fields, service.response.at) if service.response.at else None
    return inner if isinstance(inner, dict) and inner else fields


def _check_error(service: Service, response: Response, fields: Mapping[str, Any], *, key: str, has_token: bool) -> None:
    """Raise the error in a response, if there is one."""
    failure = failure_in(service.response.success, fields)
    named = failure is not None or _is_named(fields.get("error"))
    own, code = _code(service, fields, failure)
    # Elsewhere than in `error`, a success may have words that only look like an error's.
    if not named and (code is None or has_token):
        return
    description = fields.get("error_description") or _nested_message(fields.get("error"))
    if failure is not None and not description:
        description = next((fields[name] for name in ("error", *MESSAGES) if isinstance(fields.get(name), str)), None)
    reason = f"{own} ({printable(redact(str(description)))})" if description else own
    if code is None and response.status == UNAUTHORIZED and own.lower() == UNAUTHORIZED_PHRASE:
        code = INVALID_CLIENT
    raise _error(service, response, code or own, reason if named else f"{own}{reported(fields)[1]}", key=key)


def _error(service: Service, response: Response, code: str, reason: str, *, key: str) -> EveryAuthError:
    message = f"{service.name} answered {reason}"
    if code in CLIENT_CODES:
        return client_rejected(service, reason, key=key)
    if code in GRANT_CODES:
        return InvalidGrant(message, error=code, status=response.status)
    if code in PROOF_CODES:
        return ServiceUnreachable(message, hint=CLOCK_HINT, error=code, status=response.status)
    if code in NOT_NOW_CODES:
        return ServiceUnreachable(message, error=code, status=response.status, retry_after=response.retry_after)
    if code == INVALID_TARGET:
        about, hint = refused_target(service)
        return ServiceError(f"{message}: {about}" if about else message, hint=hint, error=code, status=response.status)
    return ServiceError(message, error=code, status=response.status)


def rejects_token(service: Service, fields: Mapping[str, Any]) -> bool:
    """Return whether an API's error says, in the words of the entry or the standard, that the token is not valid."""
    return _code(service, fields, failure_in(service.response.success, fields))[1] in TOKEN_ERRORS


def _nested_message(error: object) -> object:
    """Return the message beside a code that is nested in `error`."""
    for _ in range(DEPTH):
        if isinstance(error, list) and error:
            error = error[0]
        elif isinstance(error, Mapping):
            if message := next((error[name] for name in MESSAGES if isinstance(error.get(name), str)), None):
                return message
            error = error.get("error") or error.get("errors")
    return None


def _is_named(error: object) -> bool:
    """Return whether a value of `error` names one; some services send an empty one with each success."""
    return bool(error) and error != "0"


def _code(service: Service, fields: Mapping[str, Any], failure: str | None) -> tuple[str, str | None]:
    """Return the error code in the service's words, and in the standard's where that is known.

    `failure` is the value of a field that has another one in a success.
    """
    for words, standard in service.error_words.items():
        path, equals, value = words.partition("=")
        found = value_at(fields, path) if equals else None
        if isinstance(found, str | int) and str(found).strip().lower() == value.lower():
            return printable(redact(value), 80), standard
    found_codes = itertools.chain(() if failure is None else (failure,), _codes(fields))
    codes = [printable(redact(str(code)), 80) for code in itertools.islice(found_codes, 20)]
    for code in codes:
        # Some services put the message behind the code, after a colon.
        word = code.partition(":")[0].strip().lower()
        standard = service.error_words.get(code) or service.error_words.get(code.lower(), word)
        if standard in KNOWN_CODES or code in service.error_words:
            return code, standard
    return (codes[0] if codes else "error"), None


def _codes(fields: Mapping[str, Any]) -> Iterator[str | int]:
    """Yield what may be the error code, the standard's field first."""
    for found in (fields.get("error"), fields.get("errors")):
        yield from _nested_codes(found, depth=DEPTH)
    yield from (fields[name] for name in ERROR_CODES if isinstance(fields.get(name), str | int))


def _nested_codes(found: object, *, depth: int) -> Iterator[str | int]:
    if isinstance(found, list) and found and depth:
        yield from _nested_codes(found[0], depth=depth - 1)
    elif isinstance(found, Mapping):
        yield from (found[name] for name in NESTED_CODES if isinstance(found.get(name), str | int))
        for name in ("error", "errors") if depth else ():
            if isinstance(found.get(name), Mapping | list):
                yield from _nested_codes(found[name], depth=depth - 1)
    elif _is_named(found):
        yield str(found)


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


def _unreadable(service: Service, response: Response, key: str) -> ServiceError:
    hint = f"check {key}: everyauth service get {shlex.quote(service.name)}"
    if 300 <= response.status < 400:  # noqa: PLR2004 - RFC 9110 section 15.4
        message = (
            f"{service.name}'s {key} redirects (HTTP {response.status}); that is not followed, "
            "because it would hand the credentials to another host"
        )
        return ServiceUnreadable(message, hint=hint, status=response.status)
    if not response.is_complete:
        return ServiceUnreachable(
            f"the connection to {service.name} broke before its response ended", lost=True, status=response.status
        )
    if response.status == FORBIDDEN and response.is_page:
        # What is in front of a service, a firewall or a proxy, says so on a page of its own.
        hint = f"it may block this computer's network; try from another one, else {hint}"
    kind = printable(response.content_type.partition(";")[0], 60)
    kind = "something else" if not kind or "json" in kind else kind
    message = f"{service.name} answered with {kind} where JSON was expected (HTTP {response.status})"
    return ServiceUnreadable(message, hint=hint, status=response.status)
