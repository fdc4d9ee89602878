"""The routes of a login in a web app, for every framework: `prefix` starts it, `prefix`/callback finishes it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypedDict
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from everyauth_cli.errors import EveryAuthError, OtherAccount
from everyauth_cli.flows.granted import Grant
from everyauth_cli.model import Secret
from everyauth_cli.oauth.authorization_code import PendingLogin
from everyauth_cli.web.error_redirect import REFUSED_BY_APP, ErrorParameters, error_parameters
from everyauth_cli.web.navigation import is_navigation
from everyauth_cli.web.pending_logins import Cookie, KeptLogin, PendingLogins
from everyauth_cli.web.routes import (
    R,
    Routes,
    WebRequest,
    WebResponse,
    log,
    log_error,
    not_allowed,
    redirect,
)


class _Terms(TypedDict):
    """The terms of a login, as keyword arguments of `EveryAuth.begin`."""

    redirect_uri: str
    user: str
    tenant: str
    scope: str | None


@dataclass(frozen=True, kw_only=True)
class LoginRoutes(Routes[R]):
    """The login of an app's users at one service.

    `base_url` and `prefix` make the redirect URI, and `finished_url` is a path on the host of `base_url` or a URL; no
    request can change them. Raises `UsageProblem` for an argument that cannot be used.
    """

    service: str
    finished_url: str
    on_authorized: Callable[[R, Grant], bool | None] | None = None
    scope: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_app_url("finished_url", self.finished_url)

    @property
    def redirect_uri(self) -> str:
        """The redirect URI to register at the service."""
        return f"{self.url}/callback"

    def start(self, request: WebRequest[R]) -> WebResponse:
        """Start a login: set its cookie and redirect to the service."""
        if request.method != "GET":
            return not_allowed("GET")
        if not is_navigation(request.header):
            return self.instead(503, "background")
        return self.led(request) or self._start(request)

    def _start(self, request: WebRequest[R]) -> WebResponse:
        current_user = self.current_user(request.framework_request)
        if current_user is None:
            return self.instead(401, "sign_in", self.sign_in_link())
        try:
            pending = self.auth.begin(self.service, **self._terms(current_user))
            cookies = self._logins.add(pending, request.cookies)
            return redirect(self.auth.authorization_url(pending), cookies)
        except EveryAuthError as error:
            return self._failed(error, current_user)

    def _terms(self, current_user: tuple[str, str]) -> _Terms:
        user, tenant = current_user
        return {"redirect_uri": self.redirect_uri, "user": user, "tenant": tenant, "scope": self.scope}

    def callback(self, request: WebRequest[R]) -> WebResponse:
        """Finish the login that the authorization response belongs to, if this browser and its user started it."""
        if request.method != "GET":
            return not_allowed("GET")
        if not is_navigation(request.header):
            return self.instead(503, "background")
        current_user = self.current_user(request.framework_request)
        if current_user is None:
            return self._lost(401, "signed_out", "a user who is not signed in there")
        query = Secret(parse_qsl(request.query, keep_blank_values=True))
        state = Secret(next((value for name, value in query.reveal() if name == "state"), ""))
        try:
            kept = self._logins.find(state, request.cookies)
            if kept is None:
                return self._lost(400, "not_found", "a browser without the cookie of its login")
            return self._continued(request.framework_request, kept, current_user, query)
        except EveryAuthError as error:
            return self._failed(error, current_user)

    def _continued(
        self, request: R, kept: KeptLogin, current_user: tuple[str, str], query: Secret[list[tuple[str, str]]]
    ) -> WebResponse:
        """Finish a login that was found, unless it is another user's or too old; it is claimed before its code is."""
        if not kept.is_of(*current_user):
            return self._stopped(403, "other_user")
        if self._logins.has_expired(kept):
            return self._stopped(400, "expired")
        pending = kept.restored(self.auth.prepare(self.service, **self._terms(current_user)))
        if not self._logins.claim(kept):
            return self._stopped(400, "finished")
        return self._finish(request, pending, query, [self._logins.deletion(kept.cookie)])

    def _finish(
        self, request: R, pending: PendingLogin, query: Secret[list[tuple[str, str]]], cookies: Sequence[Cookie]
    ) -> WebResponse:
        whose = pending.request.user, pending.request.tenant
        try:
            grant = self.auth.redeem(pending, query.reveal())
            if not self._is_accepted(request, grant):
                return self._to_app(whose, cookies, REFUSED_BY_APP)
            self._keep(grant)
        except EveryAuthError as error:
            return self._failed(error, whose, cookies)
        return self._to_app(whose, cookies)

    def _keep(self, grant: Grant) -> None:
        try:
            self.auth.keep(grant)
        except OtherAccount:
            self.auth.discard(grant)
            raise

    def _is_accepted(self, request: R, grant: Grant) -> bool:
        accepted = None if self.on_authorized is None else self.on_authorized(request, grant)
        # Any other value, such as a coroutine that was not awaited, must not count as a yes.
        if accepted is not None and not isinstance(accepted, bool):
            raise TypeError(f"on_authorized returned a {type(accepted).__name__}; return False to refuse, or True")
        return accepted is not False

    @cached_property
    def _logins(self) -> PendingLogins:
        return PendingLogins(
            store=self.auth.store,
            profile=self.auth.profile,
            clock=self.auth.clock,
            service=self.service,
            redirect_uri=self.redirect_uri,
            secure=urlsplit(self.base_url).scheme == "https",
        )

    def _to_app(
        self, whose: tuple[str, str], cookies: Sequence[Cookie], error: ErrorParameters | None = None
    ) -> WebResponse:
        failure = {} if error is None else {"error": error.error, "errorDescription": error.description}
        user, tenant = whose
        fields = {**failure, "serviceId": self.canonical(self.service), "userId": user, "tenantId": tenant}
        parts = urlsplit(self.at_host(self.finished_url))
        query = "&".join(filter(None, [parts.query, urlencode(fields)]))
        return redirect(urlunsplit(parts._replace(query=query)), cookies)

    def _failed(self, error: EveryAuthError, whose: tuple[str, str], cookies: Sequence[Cookie] = ()) -> WebResponse:
        log_error(f"login at {self.service}", error)
        return self._to_app(whose, cookies, error_parameters(error))

    def _lost(self, status: int, reason: str, sender: str) -> WebResponse:
        log.warning(
            "login at %s: the authorization response came to %s from %s; a login must begin at that host, "
            "by the same browser, less than ten minutes before",
            self.service,
            self.redirect_uri,
            sender,
        )
        return self._stopped(status, reason)

    def _stopped(self, status: int, reason: str) -> WebResponse:
        """Return a page, not a redirect: an authorization response that nothing here waits for is kept from the app."""
        return self.instead(status, reason, (self.url, self.texts["start_again"]))
