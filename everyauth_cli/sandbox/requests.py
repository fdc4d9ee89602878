"""Requests as they arrive, and what is in them."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, unquote_plus, urlsplit

from everyauth_cli.model import Request, Secret
from everyauth_cli.sandbox.grants import Refused
from everyauth_cli.services.rules import BodyFormat

MOST_PARAMETERS = 50
MARK = "SENT"
"""Stands for the token in a request that is expected."""

Basic = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedRequest:
    """An HTTP request; the names of `headers` are in lower case."""

    method: str
    path: str
    query: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


def parameters(encoded: str) -> dict[str, str]:
    """The parameters of a query or a form; raises `Refused`."""
    try:
        pairs = parse_qsl(encoded, keep_blank_values=True, errors="strict", max_num_fields=MOST_PARAMETERS)
    except ValueError:
        raise Refused("invalid_request", "The parameters cannot be read.") from None
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Refused("invalid_request", "A parameter is given more than once.")
    # A parameter without a value counts as left out (RFC 6749 section 3.1).
    return {name: value for name, value in found.items() if value}


def fields(request: ReceivedRequest, body: BodyFormat) -> dict[str, str]:
    """The fields of a request's body, which is to be a `form` or `json`; raises `Refused`."""
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    wanted = "application/json" if body == BodyFormat.JSON else "application/x-www-form-urlencoded"
    if content_type != wanted:
        raise Refused("invalid_request", f"The body has to be {wanted}.")
    try:
        text = request.body.decode()
        return _members(text) if body == BodyFormat.JSON else parameters(text)
    except ValueError:
        raise Refused("invalid_request", f"The body is no {wanted}.") from None


def secret_fields(request: ReceivedRequest, body: BodyFormat, *, query: str = "") -> dict[str, str]:
    """The same where nothing may be in the query but what the entry's URL has there."""
    # Credentials do not belong in a URL, where logs and histories keep them (RFC 6749 section 2.3.1).
    if request.query != query:
        raise Refused("invalid_request", "Parameters belong in the body.")
    return fields(request, body)


def basic(headers: Mapping[str, str]) -> Basic | None:
    """The client id and secret of an Authorization header, if there is one; raises `Refused`."""
    if "authorization" not in headers:
        return None
    scheme, _, encoded = headers["authorization"].partition(" ")
    try:
        pair = base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        pair = ""
    if scheme.lower() != "basic" or ":" not in pair:
        raise Refused("invalid_client", "The Authorization header cannot be read.", status=401)
    # Both are form-encoded before they are joined (RFC 6749 section 2.3.1).
    client_id, _, secret = pair.partition(":")
    return unquote_plus(client_id), unquote_plus(secret)


def bearer(headers: Mapping[str, str]) -> str | None:
    """The token of an Authorization header (RFC 6750 section 2.1)."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def sent_token(expected: Request, request: ReceivedRequest) -> str | None:
    """The token of a request that is made as `expected`, where `MARK` stands in its place; None where it has none.

    Raises `Refused` for a request that lacks something else, or that comes from another client.
    """
    place = urlsplit(expected.url + expected.rest.reveal())
    path = re.fullmatch(_pattern(place.path), request.path)
    found = [unquote(path[1])] if path and path.groups() else []
    if place.query:
        found += _compared(parameters(place.query), parameters(request.query))
    if expected.fields:
        told = {name: _text(value) for name, value in expected.fields.items()}
        found += _compared(told, fields(request, expected.body))
    if expected.basic and basic(request.headers) != (expected.basic[0], expected.basic[1].reveal()):
        raise Refused("invalid_client", "Client authentication failed.", status=401)
    if expected.bearer:
        found += filter(None, [bearer(request.headers)])
    return found[0] if found else None


def path_of(expected: Request) -> str:
    """A regular expression for the path of a request."""
    return _pattern(urlsplit(expected.url + expected.rest.reveal()).path)


def _pattern(path: str) -> str:
    return re.escape(path).replace(MARK, "([^/]+)")


def _compared(expected: Mapping[str, str], arrived: Mapping[str, str]) -> list[str]:
    """The token among parameters, which have to be there; those that say who the client is have to be right."""
    for name, value in expected.items():
        if name not in arrived:
            raise Refused("invalid_request", f"The parameter {name} is missing.")
        if name in ("client_id", "client_secret") and arrived[name] != value:
            raise Refused("invalid_client", "Client authentication failed.", status=401)
    return [arrived[name] for name, value in expected.items() if value == MARK]


def _text(value: str | Secret[str]) -> str:
    return value.reveal() if isinstance(value, Secret) else value


def _members(text: str) -> dict[str, str]:
    told = json.loads(text)
    if not isinstance(told, dict) or not all(isinstance(value, str) for value in told.values()):
        raise ValueError("no object of texts")
    return {name: value for name, value in told.items() if value}
