"""The endpoints of one service: they route a request and turn its result into an HTTP response, without sockets."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from everyauth_cli.model import Client, Request, Secret, Service
from everyauth_cli.oauth.grant import GrantType
from everyauth_cli.pages.document import Frame, page_headers
from everyauth_cli.pages.form import form_page
from everyauth_cli.sandbox.authorization_server import AuthorizationServer
from everyauth_cli.sandbox.device_pages import DevicePages
from everyauth_cli.sandbox.dialect import Endpoint, Revocation
from everyauth_cli.sandbox.faults import RETRY_AFTER_SECONDS, Fault
from everyauth_cli.sandbox.grants import OAuthError
from everyauth_cli.sandbox.requests import (
    TOKEN_MARK,
    ReceivedRequest,
    basic_credentials,
    path_pattern,
    read_body,
    read_parameters,
    read_secret_body,
    received_token,
)
from everyauth_cli.sandbox.responses import EndpointResponse
from everyauth_cli.sandbox.sent_response import (
    DEFAULT_ACCOUNT,
    SentResponse,
    authorization_error,
    http_response,
    not_found,
    page,
    redirect,
)
from everyauth_cli.sanitize import printable
from everyauth_cli.services.rules import (
    ACCESS_TOKEN,
    BEARER,
    DEVICE_CODE,
    REFRESH_TOKEN,
    BodyFormat,
    ClientAuthMethod,
    RevocationStyle,
)

GRANT_TYPES = ("authorization_code", REFRESH_TOKEN, DEVICE_CODE, GrantType.TOKEN_EXCHANGE.value)
ENDPOINTS = {REFRESH_TOKEN: Endpoint.REFRESH, DEVICE_CODE: Endpoint.DEVICE_TOKEN}
"""The requests whose errors the documentation shows apart from those of a code, by grant type."""


Route = Callable[[ReceivedRequest], SentResponse]


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultSettings:
    """The current fault of all refreshes, and the delay of a slow response."""

    fault: Fault | None
    slow_seconds: float


class Endpoints:
    """The endpoints of one service: those of its authorization server, and its account endpoint.

    `service` is the service at the sandbox, with paths as its URLs; `client` is the registered client.
    """

    def __init__(
        self,
        server: AuthorizationServer,
        service: Service,
        client: Client,
        *,
        fault_settings: Callable[[], FaultSettings],
        base_url: str,
    ) -> None:
        self._server = server
        self._responses = server.responses
        self._service = service
        self._fault_settings = fault_settings
        self._device_page = f"/{service.name}/device"
        self._base_url = base_url
        self._account_request = _account_request(service, client)
        self._revocation_request = _revocation_request(service, client, server.responses.revocation)
        self._routes: dict[str, dict[str, Route]] = {
            _path(service.token_endpoint): {"POST": self._token},
            f"/{service.name}/jwks": {"GET": self._jwks},
            path_pattern(self._account_request): {self._account_request.method: self._account},
        }
        if authorization_endpoint := service.authorization_endpoint:
            self._routes[_path(authorization_endpoint)] = {"GET": self._authorize, "POST": self._decide}
        if refresh_endpoint := service.refresh_endpoint:
            self._routes[_path(refresh_endpoint)] = {"POST": self._token}
        if push_endpoint := service.pushed_authorization_request_endpoint:
            self._routes[_path(push_endpoint)] = {"POST": self._push}
        if service.device_authorization_endpoint:
            pages = DevicePages(server.devices, service)
            self._routes[re.escape(self._device_page)] = {"GET": pages.ask, "POST": pages.decide}
            self._routes[_path(service.device_authorization_endpoint)] = {"POST": self._device_authorization}
        if service.revocation.endpoint:
            expected = self._revocation_request or Request(url=service.revocation.endpoint)
            self._routes[path_pattern(expected)] = {expected.method: self._revoke}

    def respond(self, request: ReceivedRequest) -> SentResponse:
        methods = next((routes for path, routes in self._routes.items() if re.fullmatch(path, request.path)), None)
        if methods is None:
            return not_found()
        route = methods.get(request.method)
        if route is None:
            error = OAuthError("invalid_request", "This method is not allowed here.", status=405)
            return self._error(None, error, {"allow": ", ".join(methods)})
        return route(request)

    def _authorize(self, request: ReceivedRequest) -> SentResponse:
        try:
            waiting = self._server.authorize(read_parameters(request.query))
        except OAuthError as error:
            return authorization_error(error)
        html = form_page(
            frame=Frame.sandbox,
            title=f"Allow access to your {self._service.title} account?",
            text=f"The client {waiting.client_id} requests the access below. "
            "This is a sandbox: nothing leaves this machine.",
            items=waiting.scopes,
            fields={"transaction": waiting.transaction},
            inputs=[("user", "Sign in as", DEFAULT_ACCOUNT)],
            buttons=[("decision", "allow", "Allow"), ("decision", "deny", "Deny")],
        )
        return SentResponse(status=200, headers=page_headers([waiting.redirect_uri]), body=html.encode())

    def _push(self, request: ReceivedRequest) -> SentResponse:
        try:
            form = read_secret_body(request, BodyFormat.FORM)
            return http_response(self._server.push(form, basic=basic_credentials(request.headers)), {})
        except OAuthError as error:
            return self._error(None, error, {})

    def _decide(self, request: ReceivedRequest) -> SentResponse:
        try:
            form = read_body(request, BodyFormat.FORM)
            return redirect(self._redirect_url(form), detail=form["decision"])
        except OAuthError as error:
            return authorization_error(error)

    def _redirect_url(self, form: Mapping[str, str]) -> str:
        transaction = form.get("transaction", "")
        user = printable(form.get("user", ""), 100)
        match form.get("decision"):
            case "allow" if user:
                return self._server.allow(transaction, user=user)
            case "deny":
                return self._server.deny(transaction)
            case _:
                raise OAuthError("invalid_request", "The form needs a user, and the decision to allow or deny.")

    def _device_authorization(self, request: ReceivedRequest) -> SentResponse:
        try:
            query = urlsplit(self._service.device_authorization_endpoint or "").query
            form = read_secret_body(request, self._service.body, query=query)
            code = self._server.device_authorization(form, basic=basic_credentials(request.headers))
        except OAuthError as error:
            return self._error(Endpoint.DEVICE_AUTHORIZATION, error, {})
        return http_response(self._responses.device_response(code, page=self._base_url + self._device_page), {})

    def _token(self, request: ReceivedRequest) -> SentResponse:
        grant_type = ""
        try:
            form = self._token_fields(request)
            known = (*GRANT_TYPES, self._service.client_credentials.grant_type)
            grant_type = next((name for name in known if name == form.get("grant_type")), "")
            if grant_type == REFRESH_TOKEN:
                return self._refresh(request, form)
            response = self._server.token(form, basic=basic_credentials(request.headers))
            return http_response(response, {}, grant_type=grant_type)
        except OAuthError as error:
            endpoint = ENDPOINTS.get(grant_type, Endpoint.TOKEN)
            return self._error(endpoint, error, {}, grant_type=grant_type)

    def _refresh(self, request: ReceivedRequest, form: Mapping[str, str]) -> SentResponse:
        settings = self._fault_settings()
        fault = settings.fault
        if fault is Fault.SLOW:
            time.sleep(settings.slow_seconds)
        faulty = _faulty_response(fault)
        if faulty is not None:
            return faulty
        response = self._server.token(form, basic=basic_credentials(request.headers), fault=fault)
        return http_response(response, {}, grant_type=REFRESH_TOKEN, detail=fault or "", hang_up=fault is Fault.DROP)

    def _token_fields(self, request: ReceivedRequest) -> dict[str, str]:
        """Read a token request; a service with a refresh endpoint takes refreshes there and nowhere else."""
        refresh_endpoint = self._service.refresh_endpoint
        at_refresh = refresh_endpoint is not None and request.path == urlsplit(refresh_endpoint).path
        url = refresh_endpoint if refresh_endpoint and at_refresh else self._service.token_endpoint
        form = read_secret_body(request, self._service.body, query=urlsplit(url).query)
        if at_refresh:
            form.setdefault("grant_type", REFRESH_TOKEN)
        if refresh_endpoint is not None and (form.get("grant_type") == REFRESH_TOKEN) != at_refresh:
            raise OAuthError("unsupported_grant_type", "This grant_type is not supported here.")
        return form

    def _revoke(self, request: ReceivedRequest) -> SentResponse:
        try:
            response = self._revoked(request)
        except OAuthError as error:
            return self._error(Endpoint.REVOCATION, error, {})
        return http_response(response, {})

    def _revoked(self, request: ReceivedRequest) -> EndpointResponse:
        if self._revocation_request is not None:
            token = received_token(self._revocation_request, request)
            return self._server.revoke_unauthenticated({"token": token or ""})
        form = _with_token(self._service, read_secret_body(request, self._service.revocation.body))
        if self._service.revocation.auth_method == ClientAuthMethod.NONE:
            return self._server.revoke_unauthenticated(form)
        return self._server.revoke(form, basic=basic_credentials(request.headers))

    def _jwks(self, _: ReceivedRequest) -> SentResponse:
        # A test may rotate the keys at any time, so clients must not use cached ones.
        headers = {"content-type": "application/json", "cache-control": "no-cache"}
        return SentResponse(status=200, headers=headers, body=json.dumps(self._server.keys.public_keys()).encode())

    def _account(self, request: ReceivedRequest) -> SentResponse:
        try:
            user = self._server.user(received_token(self._account_request, request) or "")
        except OAuthError as error:
            return self._error(Endpoint.ACCOUNT, error, {})
        if user is None:
            # RFC 6750 section 3.
            challenge = {"www-authenticate": 'Bearer realm="sandbox", error="invalid_token"'}
            invalid = OAuthError("invalid_token", "The access token is not valid.", status=401)
            return self._error(Endpoint.ACCOUNT, invalid, challenge)
        return http_response(self._responses.account_response(user), {})

    def _error(
        self, endpoint: Endpoint | None, error: OAuthError, headers: Mapping[str, str], *, grant_type: str = ""
    ) -> SentResponse:
        response = self._responses.error_response(endpoint, error)
        needs_challenge = response.standard and response.status == 401  # noqa: PLR2004
        challenge = {"www-authenticate": 'Basic realm="sandbox"'} if needs_challenge else {}
        return http_response(response, {**challenge, **headers}, grant_type=grant_type, detail=error.error)


def _path(url: str) -> str:
    return re.escape(urlsplit(url).path)


def _account_request(service: Service, client: Client) -> Request:
    """Return the account request as the service takes it."""
    if service.quirk.account is not None:
        request: Request = service.quirk.account(service, client, Secret(TOKEN_MARK))
        return request
    url = service.account.endpoint or f"/{service.name}/account"
    if service.account.query is not None:
        return Request(
            url=url, fields={"query": service.account.query}, body=BodyFormat.JSON, bearer=Secret(TOKEN_MARK)
        )
    return Request(url=url, method="GET", bearer=Secret(TOKEN_MARK))


def _revocation_request(service: Service, client: Client, revocation: Revocation | None) -> Request | None:
    """Return the revocation request of a service that does not take the token in a field as in RFC 7009."""
    if service.revocation.endpoint is None or revocation is None:
        return None
    if service.quirk.revoke is not None:
        played = replace(service, revocation=replace(service.revocation, ends=revocation.ends))
        request: Request = service.quirk.revoke(played, client, Secret(TOKEN_MARK))
        return request
    if service.revocation.auth_method == BEARER:
        return Request(url=service.revocation.endpoint, bearer=Secret(TOKEN_MARK))
    return None


def _with_token(service: Service, form: Mapping[str, str]) -> Mapping[str, str]:
    """Return the fields of a revocation request, with the token in the field `token` (RFC 7009 section 2.1)."""
    if service.revocation.style != RevocationStyle.TYPE:
        return form
    token = form.get(REFRESH_TOKEN) or form.get(ACCESS_TOKEN)
    return {**form, "token": token} if token else form


def _faulty_response(fault: Fault | None) -> SentResponse | None:
    """Return the response of a fault that leaves the request unprocessed."""
    match fault:
        case Fault.SERVER_ERROR:
            return page(500, "Internal server error", "Something went wrong.", detail=fault)
        case Fault.HTML:
            return page(200, "Welcome", "Please accept the terms of this network.", detail=fault)
        case Fault.TOO_MANY:
            body = b'{"error": "too_many_requests"}'
            response = EndpointResponse(status=429, content_type="application/json", body=body)
            return http_response(response, {"retry-after": str(RETRY_AFTER_SECONDS)}, detail=fault)
        case _:
            return None
