"""What each endpoint answers to a request, without sockets."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote_plus

from everyauth_cli import pages
from everyauth_cli.model import clean
from everyauth_cli.sandbox.grants import AuthorizationServer, Basic
from everyauth_cli.sandbox.records import Refused

DEFAULT_USER = "user@example.com"
AUTHORIZE_PATH = "/oauth/authorize"
TOKEN_PATH = "/oauth/token"  # noqa: S105 - a path
JWKS_PATH = "/oauth/jwks"
REVOKE_PATH = "/oauth/revoke"
GRANT_TYPES = ("authorization_code", "refresh_token")
MOST_PARAMETERS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """An HTTP request; the names of `headers` are in lower case."""

    method: str
    path: str
    query: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """An HTTP response; `asked` and `note` are what the log may say of the request and the answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""
    asked: str = ""
    note: str = ""


Route = Callable[[Request], Response]


class Endpoints:
    """The routes of one authorization server and its one API resource."""

    def __init__(self, server: AuthorizationServer) -> None:
        self._server = server
        self._dialect = server.dialect
        self._routes: dict[str, dict[str, Route]] = {
            AUTHORIZE_PATH: {"GET": self._ask, "POST": self._decide},
            TOKEN_PATH: {"POST": self._token},
            JWKS_PATH: {"GET": self._keys},
            self._dialect.user_path: {"GET": self._user},
        }
        if self._dialect.revocation:
            self._routes[REVOKE_PATH] = {"POST": self._revoke}

    def answer(self, request: Request) -> Response:
        methods = self._routes.get(request.path)
        if methods is None:
            return _page(404, "Nothing is here", "The sandbox has no page at this address.")
        route = methods.get(request.method)
        if route is None:
            refused = Refused("invalid_request", "This method is not allowed here.", status=405)
            return _refusal(refused, {"allow": ", ".join(methods)})
        return route(request)

    def _ask(self, request: Request) -> Response:
        try:
            consent = self._server.authorize(_parameters(request.query))
        except Refused as refused:
            return _told(refused)
        html = pages.form_page(
            title=f"Allow access to your {self._dialect.title} account?",
            text=f"The client {consent.client_id} asks for what is listed here. "
            "This is a sandbox: nothing leaves this machine.",
            items=consent.scopes,
            fields={"transaction": consent.transaction},
            inputs=[("user", "Sign in as", DEFAULT_USER)],
            buttons=[("decision", "allow", "Allow"), ("decision", "deny", "Deny")],
        )
        return Response(status=200, headers=pages.headers([consent.redirect_uri]), body=html.encode())

    def _decide(self, request: Request) -> Response:
        try:
            form = _form(request)
            return _redirect(self._decision(form), note=form["decision"])
        except Refused as refused:
            return _told(refused)

    def _decision(self, form: Mapping[str, str]) -> str:
        transaction = form.get("transaction", "")
        user = clean(form.get("user", ""), 100)
        match form.get("decision"):
            case "allow" if user:
                return self._server.allow(transaction, user=user)
            case "deny":
                return self._server.deny(transaction)
            case _:
                raise Refused("invalid_request", "The form has to say who signs in, and allow or deny.")

    def _token(self, request: Request) -> Response:
        asked = ""
        try:
            form = _secret_form(request)
            asked = next((name for name in GRANT_TYPES if name == form.get("grant_type")), "")
            answer = self._server.token(form, basic=_basic(request.headers))
        except Refused as refused:
            return _refusal(refused, {}, asked=asked)
        return _json(200, answer, {}, asked=asked)

    def _revoke(self, request: Request) -> Response:
        try:
            self._server.revoke(_secret_form(request), basic=_basic(request.headers))
        except Refused as refused:
            return _refusal(refused, {})
        # The status says it all, so there is nothing in the body (RFC 7009 section 2.2).
        return Response(status=200, headers={"cache-control": "no-store"})

    def _keys(self, _: Request) -> Response:
        # They may be rotated at any time, so none are to be used that were not asked for anew.
        headers = {"content-type": "application/json", "cache-control": "no-cache"}
        return Response(status=200, headers=headers, body=json.dumps(self._server.keys.public_keys()).encode())

    def _user(self, request: Request) -> Response:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        user = self._server.user(token.strip()) if scheme.lower() == "bearer" else None
        if user is None:
            # RFC 6750 section 3.
            challenge = {"www-authenticate": 'Bearer realm="sandbox", error="invalid_token"'}
            return _json(401, self._dialect.unauthorized, challenge, note="invalid_token")
        return _json(200, self._dialect.user(user), {})


def _parameters(encoded: str) -> dict[str, str]:
    try:
        pairs = parse_qsl(encoded, keep_blank_values=True, errors="strict", max_num_fields=MOST_PARAMETERS)
    except ValueError:
        raise Refused("invalid_request", "The parameters cannot be read.") from None
    parameters = dict(pairs)
    if len(parameters) != len(pairs):
        raise Refused("invalid_request", "A parameter is given more than once.")
    # A parameter without a value counts as left out (RFC 6749 section 3.1).
    return {name: value for name, value in parameters.items() if value}


def _form(request: Request) -> dict[str, str]:
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != "application/x-www-form-urlencoded":
        raise Refused("invalid_request", "The body has to be application/x-www-form-urlencoded.")
    try:
        return _parameters(request.body.decode())
    except UnicodeDecodeError:
        raise Refused("invalid_request", "The body is not UTF-8.") from None


def _secret_form(request: Request) -> dict[str, str]:
    # Credentials do not belong in a URL, where logs and histories keep them (RFC 6749 section 2.3.1).
    if request.query:
        raise Refused("invalid_request", "Parameters belong in the body.")
    return _form(request)


def _basic(headers: Mapping[str, str]) -> Basic | None:
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


def _told(refused: Refused) -> Response:
    if refused.redirect_to:
        return _redirect(refused.redirect_to, note=refused.error)
    return _page(refused.status, "This request cannot be granted", refused.description, note=refused.error)


def _page(status: int, title: str, text: str, *, note: str = "") -> Response:
    html = pages.result_page(pages.Result(good=False, title=title, text=text))
    return Response(status=status, headers=pages.HEADERS, body=html.encode(), note=note)


def _redirect(url: str, *, note: str) -> Response:
    headers = {"location": url, "cache-control": "no-store", "referrer-policy": "no-referrer"}
    return Response(status=303, headers=headers, note=note)


def _refusal(refused: Refused, headers: Mapping[str, str], *, asked: str = "") -> Response:
    payload = {"error": refused.error, "error_description": refused.description}
    challenge = {"www-authenticate": 'Basic realm="sandbox"'} if refused.status == 401 else {}  # noqa: PLR2004
    return _json(refused.status, payload, {**challenge, **headers}, asked=asked, note=refused.error)


def _json(
    status: int,
    payload: Mapping[str, Any],
    headers: Mapping[str, str],
    *,
    asked: str = "",
    note: str = "",
) -> Response:
    # RFC 6749 section 5.1.
    shared = {"content-type": "application/json", "cache-control": "no-store", "pragma": "no-cache"}
    return Response(
        status=status,
        headers={**shared, **headers},
        body=json.dumps(payload).encode(),
        asked=asked,
        note=note,
    )
