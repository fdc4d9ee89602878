"""HTTP requests as the sandbox receives them, their parameters and the client's credentials."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, unquote_plus, urlencode, urlsplit, urlunsplit

from everyauth_cli.model import Request, Secret
from everyauth_cli.sandbox.grants import OAuthError
from everyauth_cli.services.rules import BodyFormat

MAX_PARAMETERS = 50
TOKEN_MARK = "SENT"
"""The placeholder of the token in an expected request."""
CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")

BasicCredentials = tuple[str, str]
"""The client id and secret of HTTP Basic authentication."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedRequest:
    """An HTTP request; the names of `headers` are in lower case."""

    method: str
    path: str
    query: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


def read_parameters(encoded: str) -> dict[str, str]:
    """Decode the parameters of a query or a form; raises `OAuthError`."""
    try:
        pairs = parse_qsl(encoded, keep_blank_values=True, errors="strict", max_num_fields=MAX_PARAMETERS)
    except ValueError:
        raise OAuthError("invalid_request", "The parameters cannot be read.") from None
    parameters = dict(pairs)
    if len(parameters) != len(pairs):
        raise OAuthError("invalid_request", "A parameter is given more than once.")
    # A parameter without a value counts as left out (RFC 6749 section 3.1).
    return {name: value for name, value in parameters.items() if value}


def read_body(request: ReceivedRequest, body: BodyFormat) -> dict[str, str]:
    """Decode the fields of a request's body, which has to be a `form` or `json`; raises `OAuthError`."""
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    expected = "application/json" if body == BodyFormat.JSON else "application/x-www-form-urlencoded"
    if content_type != expected:
        raise OAuthError("invalid_request", f"The body has to be {expected}.")
    try:
        text = request.body.decode()
        return _read_json(text) if body == BodyFormat.JSON else read_parameters(text)
    except ValueError:
        raise OAuthError("invalid_request", f"The body is not valid {expected}.") from None


def read_secret_body(request: ReceivedRequest, body: BodyFormat, *, query: str = "") -> dict[str, str]:
    """Decode a body with credentials; raises `OAuthError` if the query is not the one of the entry's URL."""
    # Credentials do not belong in a URL, where logs and histories keep them (RFC 6749 section 2.3.1).
    if request.query != query:
        raise OAuthError("invalid_request", "Parameters belong in the body.")
    return read_body(request, body)


def check_authorization_request(query: Mapping[str, str], *, pkce: bool) -> None:
    """Check the response type and the code challenge (RFC 6749 section 4.1.1, RFC 7636); raises `OAuthError`."""
    if "response_type" not in query:
        raise OAuthError("invalid_request", "The parameter response_type is missing.")
    if query["response_type"] != "code":
        raise OAuthError("unsupported_response_type", "The only supported response_type is code.")
    if "code_challenge" not in query:
        if pkce:
            raise OAuthError("invalid_request", "The parameter code_challenge is missing: PKCE is required.")
        return
    # Without a method it would be `plain` (RFC 7636 section 4.3).
    if query.get("code_challenge_method") != "S256":
        raise OAuthError("invalid_request", "The only supported code_challenge_method is S256.")
    if not CHALLENGE.fullmatch(query["code_challenge"]):
        raise OAuthError("invalid_request", "The code_challenge is not a SHA-256 digest in base64url.")


def with_query(uri: str, parameters: Mapping[str, str | None]) -> str:
    """Return a URI with more parameters in its query; those without a value are left out."""
    parts = urlsplit(uri)
    added = urlencode({name: value for name, value in parameters.items() if value is not None})
    return urlunsplit(parts._replace(query="&".join(filter(None, [parts.query, added]))))


def basic_credentials(headers: Mapping[str, str]) -> BasicCredentials | None:
    """Read the Authorization header of a client, if there is one; raises `OAuthError`."""
    if "authorization" not in headers:
        return None
    scheme, _, encoded = headers["authorization"].partition(" ")
    try:
        pair = base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        pair = ""
    if scheme.lower() != "basic" or ":" not in pair:
        raise OAuthError("invalid_client", "The Authorization header cannot be read.", status=401)
    # Both are form-encoded before they are joined (RFC 6749 section 2.3.1).
    client_id, _, secret = pair.partition(":")
    return unquote_plus(client_id), unquote_plus(secret)


def bearer_token(headers: Mapping[str, str]) -> str | None:
    """Read the token of an Authorization header (RFC 6750 section 2.1)."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def received_token(expected: Request, request: ReceivedRequest) -> str | None:
    """Return the token of a request that is built like `expected`, which has `TOKEN_MARK` in the token's place.

    Returns None if the request has no token there. Raises `OAuthError` if another parameter is missing or the request
    comes from another client.
    """
    url = urlsplit(expected.url + expected.rest.reveal())
    path = re.fullmatch(_pattern(url.path), request.path)
    tokens = [unquote(path[1])] if path and path.groups() else []
    if url.query:
        tokens += _marked_values(read_parameters(url.query), read_parameters(request.query))
    if expected.fields:
        fields = {name: _revealed(value) for name, value in expected.fields.items()}
        tokens += _marked_values(fields, read_body(request, expected.body))
    if expected.basic and basic_credentials(request.headers) != (expected.basic[0], expected.basic[1].reveal()):
        raise OAuthError("invalid_client", "Client authentication failed.", status=401)
    if expected.bearer:
        tokens += filter(None, [bearer_token(request.headers)])
    return tokens[0] if tokens else None


def path_pattern(expected: Request) -> str:
    """Return a regular expression for the path of a request."""
    return _pattern(urlsplit(expected.url + expected.rest.reveal()).path)


def _pattern(path: str) -> str:
    return re.escape(path).replace(TOKEN_MARK, "([^/]+)")


def _marked_values(expected: Mapping[str, str], received: Mapping[str, str]) -> list[str]:
    """Return the values received in the token's place, after checking that nothing is missing and the client."""
    for name, value in expected.items():
        if name not in received:
            raise OAuthError("invalid_request", f"The parameter {name} is missing.")
        if name in ("client_id", "client_secret") and received[name] != value:
            raise OAuthError("invalid_client", "Client authentication failed.", status=401)
    return [received[name] for name, value in expected.items() if value == TOKEN_MARK]


def _revealed(value: str | Secret[str]) -> str:
    return value.reveal() if isinstance(value, Secret) else value


def _read_json(text: str) -> dict[str, str]:
    members = json.loads(text)
    if not isinstance(members, dict) or not all(isinstance(value, str) for value in members.values()):
        raise ValueError("it is not an object of strings")
    return {name: value for name, value in members.items() if value}
