"""Requests to the token endpoint and the reading of its answers (RFC 6749 sections 4.1.3, 5 and 6)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from everyauth_cli.errors import (
    ClientRejected,
    EveryAuthError,
    InvalidGrant,
    ServiceError,
    ServiceUnreachable,
    ServiceUnreadable,
)
from everyauth_cli.model import (
    ACCEPT_JSON,
    TOO_MANY_REQUESTS,
    Client,
    Request,
    Response,
    Secret,
    Service,
    Token,
)
from everyauth_cli.oauth.client_authentication import METHODS
from everyauth_cli.sanitize import printable, redact
from everyauth_cli.services.rules import ACCESS_TOKEN, REFRESH_TOKEN, TEMPLATE_FIELD

if TYPE_CHECKING:
    from everyauth_cli.oauth.authorization_code import Callback, PendingLogin

UNAUTHORIZED = 401
Fields = dict[str, str | Secret[str]]
VSCHAR = re.compile(r"[\x20-\x7e]+")
"""What an access token may be made of (RFC 6749 appendix A.12)."""
FORM = "application/x-www-form-urlencoded"
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
"""Where answers that do not follow RFC 6749 say what is wrong."""


def code_request(service: Service, client: Client, pending: PendingLogin, callback: Callback) -> Request:
    """The request that redeems an authorization code (RFC 6749 section 4.1.3, RFC 7636 section 4.5)."""
    fields: Fields = {
        "grant_type": "authorization_code",
        "code": callback.code,
        "redirect_uri": pending.redirect_uri,
    }
    if pending.verifier is not None:
        fields["code_verifier"] = pending.verifier
    return _token_request(service, client, service.token_endpoint, fields)


def refresh_request(service: Service, client: Client, refresh_token: Secret[str], *, redirect_uri: str = "") -> Request:
    """The request that refreshes an access token (RFC 6749 section 6).

    Some services want the redirect URI of the login in it too.
    """
    fields: Fields = {"grant_type": "refresh_token", "refresh_token": refresh_token}
    if service.refresh_redirect_uri and redirect_uri:
        fields["redirect_uri"] = redirect_uri
    return _token_request(service, client, service.refresh_endpoint or service.token_endpoint, fields)


def _token_request(service: Service, client: Client, url: str, fields: Fields) -> Request:
    request = Request(url=url, fields={**service.token_params, **fields}, body=service.body, headers=ACCEPT_JSON)
    return METHODS[service.token_endpoint_auth_method](request, client)


def kept_fields(service: Service, client: Client, callback: Callback) -> dict[str, Any]:
    """What belongs to the credential besides the answer: of the callback under `params`, and of our client."""
    told = {"client_id": client.client_id}
    ours = {
        name: TEMPLATE_FIELD.sub(lambda m: told.get(m[1], ""), text)
        for name, text in service.native_from_client.items()
    }
    params = {"params": dict(callback.kept)} if callback.kept else {}
    return {**params, **{name: text for name, text in ours.items() if text}}


def read_token(
    service: Service,
    answer: Response,
    *,
    asked: str | None,
    now: int,
    previous: Token | None = None,
    kept: Mapping[str, str] | None = None,
) -> Token:
    """The token that an answer holds (RFC 6749 section 5.1), over what the `previous` one knew.

    `asked` is the scope that was asked for, which counts where the answer names none; `now` is when the request
    was sent, in milliseconds since the epoch; `kept` are further fields that belong to the credential.
    Raises `InvalidGrant`, `ClientRejected` or `ServiceError`.
    """
    fields = read_fields(service, answer)
    if service.quirk.token_response is not None:
        fields = service.quirk.token_response(fields)
    access_token, refresh_token = fields.get("access_token"), fields.get("refresh_token")
    if not isinstance(access_token, str) or not VSCHAR.fullmatch(access_token):
        error, said = _raw(fields)
        raise ServiceUnreadable(
            f"{service.name} answered without an access token{said}", error=error, status=answer.status
        )
    id_token = fields.get("id_token")
    expires_in = _seconds(fields.get(service.expires_field))
    if expires_in is None and (refresh_token or (previous and previous.refresh_token)):
        expires_in = service.default_lifetime
    try:
        scope = _scope(service, fields.get(service.scope_field))
        native = {**_carried_over(previous), **_native(service, fields)}
    except RecursionError:
        raise ServiceUnreadable(f"{service.name} answered with fields nested too deep", status=answer.status) from None
    native.update(kept or {})
    return Token(
        access_token=Secret(access_token),
        # A service that does not rotate leaves the refresh token out: the old one goes on (RFC 6749 section 6).
        refresh_token=Secret(refresh_token)
        if isinstance(refresh_token, str) and refresh_token
        else (previous.refresh_token if previous else None),
        scope=scope if scope is not None else (previous.scope if previous else asked),
        issued_at=now,
        expires_at=None if expires_in is None else now + expires_in * 1000,
        native=Secret(native),
        id_token=Secret(id_token) if isinstance(id_token, str) else None,
        subject=previous.subject if previous else None,
        account=previous.account if previous else None,
    )


def read_fields(service: Service, answer: Response, *, key: str = "token_endpoint") -> dict[str, Any]:
    """The fields of a successful answer; an error in any of the shapes in use is raised.

    `key` is the catalogue's for the endpoint that answered. Some services answer an error with status 200, and some
    a token in form encoding.
    """
    fields = _parse(answer)
    if answer.is_temporary:
        wait = f", and asks to wait {_wait(answer.retry_after)}" if answer.retry_after else ""
        # What a gateway answers with 5xx may have been done behind it all the same.
        lost = answer.status != TOO_MANY_REQUESTS
        raise ServiceUnreachable(
            f"{service.name} answers HTTP {answer.status}{wait}",
            lost=lost,
            status=answer.status,
            retry_after=answer.retry_after,
        )
    if fields is not None and fields.get("error"):
        raise _refusal(service, answer, fields)
    # RFC 6749 section 5.2 has this status for a client only; some send it and nothing more.
    if answer.status == UNAUTHORIZED and (fields is not None or not answer.body.reveal().strip()):
        raise _client_rejected(service, f"HTTP {UNAUTHORIZED}")
    if 300 <= answer.status < 400:  # noqa: PLR2004 - RFC 9110 section 15.4
        raise ServiceUnreadable(
            f"{service.name}'s {key} redirects (HTTP {answer.status}); that is not followed, "
            "because it would hand the credentials to another host",
            hint=f"check {key}: everyauth service get {service.name}",
            status=answer.status,
        )
    if fields is None:
        kind = printable(answer.content_type.partition(";")[0], 60)
        kind = "something else" if not kind or "json" in kind else kind
        raise ServiceUnreadable(
            f"{service.name} answered with {kind} where JSON was expected (HTTP {answer.status})",
            hint=f"check {key}: everyauth service get {service.name}",
            status=answer.status,
        )
    if answer.status >= 400:  # noqa: PLR2004 - RFC 9110 section 15.5
        error, said = _raw(fields)
        raise ServiceError(f"{service.name} answers HTTP {answer.status}{said}", error=error, status=answer.status)
    return fields


def missing_scopes(service: Service, asked: str | None, granted: str | None) -> list[str]:
    """The scopes that were asked for and not granted (RFC 6749 section 3.3 lets a service narrow them)."""
    # Some answer with commas although they are asked with spaces.
    have = set(service.split_scope((granted or "").replace(",", " ")))
    have |= {covered for scope in have for covered in service.scope_covers.get(scope, ())}
    return [scope for scope in service.split_scope(asked) if scope not in have]


def _wait(retry_after: str) -> str:
    """A Retry-After in words: it is a number of seconds or a date (RFC 9110 section 10.2.3)."""
    text = printable(retry_after, 40)
    return f"{text} s" if text.isdecimal() else f"until {text}"


def _parse(answer: Response) -> dict[str, Any] | None:
    text = answer.body.reveal().decode("utf-8", errors="replace")
    if answer.content_type.partition(";")[0].strip().lower() == FORM:
        return dict(parse_qsl(text))
    try:
        # NaN and Infinity are no JSON, though Python reads and would write them.
        fields = json.loads(text, parse_constant=lambda _: None)
    except (ValueError, RecursionError):
        return None
    return fields if isinstance(fields, dict) else None


def _refusal(service: Service, answer: Response, fields: Mapping[str, Any]) -> EveryAuthError:
    error: Any = fields["error"]
    description = fields.get("error_description")
    if isinstance(error, dict):
        error, description = error.get("type") or error.get("code") or "error", error.get("message")
    own = printable(redact(str(error)), 80)
    said = f"{own}: {printable(redact(str(description)))}" if description else own
    error = service.error_words.get(own, own)
    if error == "invalid_client":
        return _client_rejected(service, said)
    if error == "invalid_grant":
        return InvalidGrant(f"{service.name} refused ({said})", error=error, status=answer.status)
    return ServiceError(f"{service.name} refused ({said})", error=error, status=answer.status)


def _client_rejected(service: Service, said: str) -> ClientRejected:
    return ClientRejected(
        f"{service.name} does not accept the client id and secret ({said})",
        hint=f"everyauth service set {service.name} --client-id ID --client-secret -",
    )


def _raw(fields: Mapping[str, Any]) -> tuple[str | None, str]:
    """What an answer in no known shape gives as its error, and how that is said: its words, else its fields' names."""
    code = next((fields[name] for name in CODES if isinstance(fields.get(name), str | int)), None)
    told = {name: fields[name] for name in (*CODES, *MESSAGES) if fields.get(name)}
    words = [f"{name}: {printable(redact(str(value)))}" for name, value in told.items()]
    said = ", ".join(words) or printable(
        "its fields are " + ", ".join(map(redact, fields)) if fields else "it is empty"
    )
    return None if code is None else printable(redact(str(code)), 80), f" ({said})"


def _seconds(value: object) -> int | None:
    """`expires_in` as a number; some services send it as a string, and some leave it out."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return max(0, int(float(value)))
    except (ValueError, OverflowError):
        return None


def _scope(service: Service, value: object) -> str | None:
    """The granted scope in one spelling, whether it came as a list or a string."""
    if isinstance(value, list):
        return service.scope_separator.join(str(item) for item in value)
    return printable(value, 4000) if isinstance(value, str) else None


def _native(service: Service, fields: Mapping[str, Any]) -> dict[str, Any]:
    chosen = fields if service.native is None else {name: fields[name] for name in service.native if name in fields}
    return {name: value for name, value in _without(REFRESH_TOKEN, chosen).items() if name != ACCESS_TOKEN}


def _carried_over(previous: Token | None) -> dict[str, Any]:
    """What a refresh leaves of an earlier answer: a further access token in it is as old as the one that expired."""
    kept: dict[str, Any] = _without(ACCESS_TOKEN, previous.native.reveal()) if previous else {}
    return kept


def _without(name: str, value: Any) -> Any:  # noqa: ANN401 - JSON
    """A value without the fields of that name, at any depth."""
    if isinstance(value, Mapping):
        return {k: _without(name, v) for k, v in value.items() if k != name}
    if isinstance(value, list):
        return [_without(name, item) for item in value]
    return value
