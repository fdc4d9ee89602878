"""What each endpoint of a service answers to a request, without sockets."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from everyauth_cli.model import ACCESS_TOKEN, REFRESH_TOKEN, Client, Request, Secret, Service
from everyauth_cli.pages.document import HEADERS, page_headers
from everyauth_cli.pages.form import form_page
from everyauth_cli.pages.result import Result, result_page
from everyauth_cli.sandbox.authorization_server import AuthorizationServer
from everyauth_cli.sandbox.faults import RETRY_AFTER_SECONDS, Fault
from everyauth_cli.sandbox.grants import Refused
from everyauth_cli.sandbox.requests import (
    MARK,
    ReceivedRequest,
    basic,
    fields,
    parameters,
    path_of,
    secret_fields,
    sent_token,
)
from everyauth_cli.sandbox.responses import Told
from everyauth_cli.sanitize import printable

DEFAULT_USER = "user@example.com"
GRANT_TYPES = ("authorization_code", REFRESH_TOKEN)


@dataclass(frozen=True, slots=True, kw_only=True)
class SentResponse:
    """An HTTP response; `asked` and `note` are what the log may say of the request and the answer.

    One that is `lost` never goes out: the connection is closed in its place.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes = b""
    asked: str = ""
    note: str = ""
    lost: bool = False


Route = Callable[[ReceivedRequest], SentResponse]


@dataclass(frozen=True, slots=True, kw_only=True)
class Troubles:
    """What befalls refreshes at this moment: a fault, and how many seconds a slow answer takes."""

    fault: Fault | None
    slow_seconds: float


class Endpoints:
    """The routes of one service's authorization server and of its "who am I".

    `here` is the service as it is served, its URLs being paths; `client` is the one that is registered.
    """

    def __init__(
        self, server: AuthorizationServer, here: Service, client: Client, *, troubles: Callable[[], Troubles]
    ) -> None:
        self._server = server
        self._speech = server.speech
        self._here = here
        self._troubles = troubles
        self._account_request = _account_request(here, client)
        self._revocation = _revocation_request(here, client)
        self._routes: dict[str, dict[str, Route]] = {
            _path(here.authorization_endpoint): {"GET": self._ask, "POST": self._decide},
            _path(here.token_endpoint): {"POST": self._token},
            f"/{here.name}/jwks": {"GET": self._keys},
            path_of(self._account_request): {self._account_request.method: self._account},
        }
        if refresh_endpoint := here.refresh_endpoint:
            self._routes[_path(refresh_endpoint)] = {"POST": self._token}
        if here.revocation_endpoint:
            expected = self._revocation or Request(url=here.revocation_endpoint)
            self._routes[path_of(expected)] = {expected.method: self._revoke}

    def answer(self, request: ReceivedRequest) -> SentResponse:
        methods = next((routes for path, routes in self._routes.items() if re.fullmatch(path, request.path)), None)
        if methods is None:
            return nothing_here()
        route = methods.get(request.method)
        if route is None:
            refused = Refused("invalid_request", "This method is not allowed here.", status=405)
            return self._refusal("", refused, {"allow": ", ".join(methods)})
        return route(request)

    def _ask(self, request: ReceivedRequest) -> SentResponse:
        try:
            consent = self._server.authorize(parameters(request.query))
        except Refused as refused:
            return _told(refused)
        html = form_page(
            title=f"Allow access to your {self._here.title} account?",
            text=f"The client {consent.client_id} asks for what is listed here. "
            "This is a sandbox: nothing leaves this machine.",
            items=consent.scopes,
            fields={"transaction": consent.transaction},
            inputs=[("user", "Sign in as", DEFAULT_USER)],
            buttons=[("decision", "allow", "Allow"), ("decision", "deny", "Deny")],
        )
        return SentResponse(status=200, headers=page_headers([consent.redirect_uri]), body=html.encode())

    def _decide(self, request: ReceivedRequest) -> SentResponse:
        try:
            form = fields(request, "form")
            return _redirect(self._decision(form), note=form["decision"])
        except Refused as refused:
            return _told(refused)

    def _decision(self, form: Mapping[str, str]) -> str:
        transaction = form.get("transaction", "")
        user = printable(form.get("user", ""), 100)
        match form.get("decision"):
            case "allow" if user:
                return self._server.allow(transaction, user=user)
            case "deny":
                return self._server.deny(transaction)
            case _:
                raise Refused("invalid_request", "The form has to say who signs in, and allow or deny.")

    def _token(self, request: ReceivedRequest) -> SentResponse:
        asked = ""
        try:
            form = self._token_fields(request)
            asked = next((name for name in GRANT_TYPES if name == form.get("grant_type")), "")
            if asked == REFRESH_TOKEN:
                return self._refresh(request, form)
            return _response(self._server.token(form, basic=basic(request.headers)), {}, asked=asked)
        except Refused as refused:
            return self._refusal("refresh" if asked == REFRESH_TOKEN else "token", refused, {}, asked=asked)

    def _refresh(self, request: ReceivedRequest, form: Mapping[str, str]) -> SentResponse:
        troubles = self._troubles()
        fault = troubles.fault
        if fault is Fault.SLOW:
            time.sleep(troubles.slow_seconds)
        spoilt = _spoilt(fault)
        if spoilt is not None:
            return spoilt
        told = self._server.token(form, basic=basic(request.headers), fault=fault)
        return _response(told, {}, asked=REFRESH_TOKEN, note=fault or "", lost=fault is Fault.DROP)

    def _token_fields(self, request: ReceivedRequest) -> dict[str, str]:
        """What a token endpoint is sent; where refreshes have one of their own, neither takes the other's requests."""
        refresh_endpoint = self._here.refresh_endpoint
        at_refresh = refresh_endpoint is not None and request.path == urlsplit(refresh_endpoint).path
        url = refresh_endpoint if refresh_endpoint and at_refresh else self._here.token_endpoint
        form = secret_fields(request, self._here.body, query=urlsplit(url).query)
        if at_refresh:
            form.setdefault("grant_type", REFRESH_TOKEN)
        if refresh_endpoint is not None and (form.get("grant_type") == REFRESH_TOKEN) != at_refresh:
            raise Refused("unsupported_grant_type", "This grant_type is not offered here.")
        return form

    def _revoke(self, request: ReceivedRequest) -> SentResponse:
        try:
            told = self._revoked(request)
        except Refused as refused:
            return self._refusal("revoke", refused, {})
        return _response(told, {})

    def _revoked(self, request: ReceivedRequest) -> Told:
        if self._revocation is not None:
            return self._server.revoke_unauthenticated({"token": sent_token(self._revocation, request) or ""})
        form = _token_named(self._here, secret_fields(request, self._here.revocation_body))
        if self._here.revocation_endpoint_auth_method == "none":
            return self._server.revoke_unauthenticated(form)
        return self._server.revoke(form, basic=basic(request.headers))

    def _keys(self, _: ReceivedRequest) -> SentResponse:
        # They may be rotated at any time, so none are to be used that were not asked for anew.
        headers = {"content-type": "application/json", "cache-control": "no-cache"}
        return SentResponse(status=200, headers=headers, body=json.dumps(self._server.keys.public_keys()).encode())

    def _account(self, request: ReceivedRequest) -> SentResponse:
        try:
            user = self._server.user(sent_token(self._account_request, request) or "")
        except Refused as refused:
            return self._refusal("account", refused, {})
        if user is None:
            # RFC 6750 section 3.
            challenge = {"www-authenticate": 'Bearer realm="sandbox", error="invalid_token"'}
            invalid = Refused("invalid_token", "The access token is not valid.", status=401)
            return self._refusal("account", invalid, challenge)
        return _response(self._speech.account(user), {})

    def _refusal(self, at: str, refused: Refused, headers: Mapping[str, str], *, asked: str = "") -> SentResponse:
        told = self._speech.refusal(at, refused)
        standard = told.standard and told.status == 401  # noqa: PLR2004
        challenge = {"www-authenticate": 'Basic realm="sandbox"'} if standard else {}
        return _response(told, {**challenge, **headers}, asked=asked, note=refused.error)


def nothing_here() -> SentResponse:
    """The page at an address where there is none."""
    return _page(404, "Nothing is here", "The sandbox has no page at this address.")


def _path(url: str) -> str:
    return re.escape(urlsplit(url).path)


def _account_request(here: Service, client: Client) -> Request:
    """The request for "who am I" as the service takes it."""
    if here.quirk.account is not None:
        return here.quirk.account(here, client, Secret(MARK))
    url = here.account_endpoint or f"/{here.name}/account"
    if here.account_query is not None:
        return Request(url=url, fields={"query": here.account_query}, body="json", bearer=Secret(MARK))
    return Request(url=url, method="GET", bearer=Secret(MARK))


def _revocation_request(here: Service, client: Client) -> Request | None:
    """The request that revokes a token, where that is not in a field of its body that says so (RFC 7009)."""
    if here.revocation_endpoint is None:
        return None
    if here.quirk.revoke is not None:
        return here.quirk.revoke(here, client, Secret(MARK))
    if here.revocation_endpoint_auth_method == "bearer":
        return Request(url=here.revocation_endpoint, bearer=Secret(MARK))
    return None


def _by_type(here: Service) -> bool:
    """Whether a token that is to be revoked is sent in a field that is named by its type."""
    return here.revocation_style == "type"


def _token_named(here: Service, form: Mapping[str, str]) -> Mapping[str, str]:
    """The fields of a revocation, in which the token is the one that RFC 7009 section 2.1 calls so."""
    if not _by_type(here):
        return form
    token = form.get(REFRESH_TOKEN) or form.get(ACCESS_TOKEN)
    return {**form, "token": token} if token else form


def _spoilt(fault: Fault | None) -> SentResponse | None:
    """What is answered in place of everything else, with nothing done."""
    match fault:
        case Fault.SERVER_ERROR:
            return _page(500, "Internal server error", "Something went wrong.", note=fault)
        case Fault.HTML:
            return _page(200, "Welcome", "Please accept the terms of this network.", note=fault)
        case Fault.TOO_MANY:
            told = Told(status=429, content_type="application/json", body=b'{"error": "too_many_requests"}')
            return _response(told, {"retry-after": str(RETRY_AFTER_SECONDS)}, note=fault)
        case _:
            return None


def _told(refused: Refused) -> SentResponse:
    if refused.redirect_to:
        return _redirect(refused.redirect_to, note=refused.error)
    return _page(refused.status, "This request cannot be granted", refused.description, note=refused.error)


def _page(status: int, title: str, text: str, *, note: str = "") -> SentResponse:
    html = result_page(Result(good=False, title=title, text=text))
    return SentResponse(status=status, headers=HEADERS, body=html.encode(), note=note)


def _redirect(url: str, *, note: str) -> SentResponse:
    headers = {"location": url, "cache-control": "no-store", "referrer-policy": "no-referrer"}
    return SentResponse(status=303, headers=headers, note=note)


def _response(
    told: Told, headers: Mapping[str, str], *, asked: str = "", note: str = "", lost: bool = False
) -> SentResponse:
    # RFC 6749 section 5.1.
    shared = {"cache-control": "no-store", "pragma": "no-cache"}
    kind = {"content-type": told.content_type} if told.body else {}
    return SentResponse(
        status=told.status,
        headers={**kind, **shared, **headers},
        body=told.body,
        asked=asked,
        note=note,
        lost=lost,
    )
