"""The routes of the connections page, for every framework: the page itself and its two forms."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from urllib.parse import parse_qsl

from everyauth_cli.errors import (
    ClientNotSet,
    ConfigurationProblem,
    EveryAuthError,
    OtherAccount,
    ServiceNotFound,
)
from everyauth_cli.flows.host_pinning import is_bound_to
from everyauth_cli.flows.revoke import Revocation
from everyauth_cli.model import Identity
from everyauth_cli.pages.connections import STYLE, Connection, Notice, connections_page, leaving_page
from everyauth_cli.pages.document import Style, page_headers
from everyauth_cli.pages.result import Result
from everyauth_cli.pages.times import format_time
from everyauth_cli.sanitize import printable
from everyauth_cli.services.rules import ACCESS_TOKEN
from everyauth_cli.urls import origin
from everyauth_cli.web.form_tokens import FormTokens, Purpose
from everyauth_cli.web.routes import (
    R,
    Routes,
    WebRequest,
    WebResponse,
    check,
    check_prefix,
    log,
    log_error,
    not_allowed,
    page,
    redirect,
)

NOT_SIGNED_IN = Result(
    good=False, title="Sign in first", text="This app does not know who you are. Sign in, then come back."
)
INVALID_FORM = Result(
    good=False,
    title="Load the page again",
    text="This form is too old, or it was made for another user. Nothing was changed.",
)
UNAVAILABLE = Result(
    good=False,
    title="This is not possible now",
    text="The app cannot read its connections; its log has the reason. Try again later.",
)
NOT_CONNECTED = "{} was not connected. You can try again."
NOT_CONNECTED_BY_ERROR = {
    OtherAccount.code: "{} was not connected: you signed in there with another account than the connected one, "
    "which was kept. To connect another account, disconnect this one first.",
}
"""The notice for an error of the login, with the service's title; of the query itself nothing is ever shown, since any
link may hold it."""


@dataclass(frozen=True, kw_only=True)
class ConnectionRoutes(Routes[R]):
    """The connections page of an app's users; `services` maps each service to the prefix of its `authorize`.

    `stylesheet` is a path on the host of `base_url`, or a URL. The page reads only the metadata of identities, and
    sends nothing to a service unless the user disconnects one.
    """

    services: Mapping[str, str]
    stylesheet: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        for service, prefix in self.services.items():
            check(f"services[{service!r}]", prefix, check_prefix)
        if self.stylesheet is not None:
            self.check_app_url("stylesheet", self.stylesheet)

    def page(self, request: WebRequest[R]) -> WebResponse:
        """Show the user's connections, with a notice about the last one that changed."""
        return self.led(request) or self._respond("GET", request, self._page)

    def connect(self, request: WebRequest[R]) -> WebResponse:
        """Send the browser to the URL that starts a login at the service."""
        return self._respond("POST", request, self._connect)

    def disconnect(self, request: WebRequest[R]) -> WebResponse:
        """Revoke and delete the user's identity at the service; the page then shows the result."""
        return self._respond("POST", request, self._disconnect)

    def _respond(
        self, method: str, request: WebRequest[R], respond: Callable[[WebRequest[R], FormTokens], WebResponse]
    ) -> WebResponse:
        if request.method != method:
            return not_allowed(method)
        current_user = self.current_user(request.framework_request)
        if current_user is None:
            return page(401, NOT_SIGNED_IN)
        try:
            tokens = self._tokens(*current_user)
            if method == "POST" and not self._is_own_form(request, tokens):
                return page(403, replace(INVALID_FORM, link=(self.url, "Load it again")))
            return respond(request, tokens)
        except EveryAuthError as error:
            log_error("connections", error)
            return page(503, UNAVAILABLE)

    def _tokens(self, user: str, tenant: str) -> FormTokens:
        auth = self.auth
        return FormTokens(
            store=auth.store, profile=auth.profile, clock=auth.clock, url=self.url, user=user, tenant=tenant
        )

    def _is_own_form(self, request: WebRequest[R], tokens: FormTokens) -> bool:
        """Whether the form was posted from this page by this user."""
        sender = request.header("origin")
        if sender is not None and sender != origin(self.base_url):
            log.warning("connections: a form came from %s, not from %s", printable(sender, 80), self.base_url)
            return False
        same_origin = request.header("sec-fetch-site") in (None, "same-origin")
        csrf_token = request.form.get(Purpose.CSRF_TOKEN, "")
        return same_origin and tokens.read(Purpose.CSRF_TOKEN, csrf_token) is not None

    def _page(self, request: WebRequest[R], tokens: FormTokens) -> WebResponse:
        connections = list(self._connections(tokens.user, tokens.tenant))
        html = connections_page(
            connections,
            notice=_notice(dict(parse_qsl(request.query)), connections, tokens),
            url=self.url,
            csrf_token=tokens.issue(Purpose.CSRF_TOKEN),
            style=self._style,
        )
        return self._html(html)

    def _connect(self, request: WebRequest[R], _: FormTokens) -> WebResponse:
        prefix = self._offered.get(request.form.get("service", ""))
        if prefix is None:
            return redirect(self.url)
        start_url = self.at_base(prefix)
        # Browsers hold the redirects after a form's POST against the page's `form-action`, which cannot name the
        # service and the hosts that it redirects to; a refresh is a navigation of its own.
        response = self._html(leaving_page(self._title(request.form["service"]), url=start_url, style=self._style))
        return replace(response, headers={**response.headers, "refresh": f"0;url={start_url}"})

    def _disconnect(self, request: WebRequest[R], tokens: FormTokens) -> WebResponse:
        identity = self._identities(tokens.user, tokens.tenant).get(request.form.get("service", ""))
        if identity is None:
            return redirect(self.url)
        title = self._title(identity.service)
        try:
            revocation = self.auth.delete_identity(identity.service, identity.user, tenant=identity.tenant)
        except EveryAuthError as error:
            log_error(f"disconnecting {identity.service}", error)
            good, text = False, f"{title} was not disconnected: the app cannot do this now, and its log has the reason."
        else:
            if revocation.problem:
                log.warning("disconnecting %s: %s", identity.service, revocation.problem)
            good, text = not revocation.not_revoked, _disconnected(title, revocation)
        flash = tokens.issue(Purpose.FLASH, "good" if good else "bad", text)
        return redirect(f"{self.url}?{Purpose.FLASH}={flash}")

    def _html(self, html: str) -> WebResponse:
        # A form that is posted without any referrer has no Origin to be checked either (Fetch section 3.2).
        headers = page_headers([self.base_url], style=self._style, referrer_policy="same-origin")
        return WebResponse(status=200, headers=headers, body=html)

    @property
    def _style(self) -> Style:
        return STYLE if self.stylesheet is None else Style(url=self.at_host(self.stylesheet))

    def _connections(self, user: str, tenant: str) -> Iterator[Connection]:
        """Yield the offered services in the app's order, then the user's other ones."""
        identities = self._identities(user, tenant)
        for service in dict.fromkeys([*self._offered, *identities]):
            title, offered, identity = self._title(service), service in self._offered, identities.get(service)
            if identity is None:
                yield Connection(service=service, title=title, offered=offered)
                continue
            yield Connection(
                service=service,
                title=title,
                offered=offered,
                identity=identity,
                works=self._works(identity),
                ends_grant=self.auth.ends_grant(identity),
            )

    def _identities(self, user: str, tenant: str) -> dict[str, Identity]:
        return {identity.service: identity for identity in self.auth.find(user=user, tenant=tenant)}

    @cached_property
    def _offered(self) -> Mapping[str, str]:
        """The prefixes of the offered services, by each service's canonical name."""
        return {self.canonical(service): prefix for service, prefix in self.services.items()}

    def _title(self, service: str) -> str:
        return self.canonical(service, "title")

    def _works(self, identity: Identity) -> bool:
        """Whether a token can be had, as far as the identity's metadata says."""
        is_fresh = identity.expires_at is None or identity.expires_at > self.auth.clock()
        return identity.login_required is None and (is_fresh or (identity.refreshable and self._is_bound(identity)))

    def _is_bound(self, identity: Identity) -> bool:
        """Whether the identity was granted to the client that would refresh it."""
        try:
            service = self.auth.clients.filled(identity.service)
        except (ServiceNotFound, ConfigurationProblem, ClientNotSet):
            return False
        known = self.auth.clients.peek(service)
        return known is not None and is_bound_to(identity, service, known[0])


def _notice(query: Mapping[str, str], connections: list[Connection], tokens: FormTokens) -> Notice | None:
    """Return the notice about a disconnection, or about a login whose `finished_url` is this page."""
    flash = tokens.read(Purpose.FLASH, query.get(Purpose.FLASH, ""))
    if flash is not None:
        kind, text = flash
        return Notice(good=kind == "good", text=text)
    shown = (connection for connection in connections if connection.service == query.get("serviceId"))
    connection = next(shown, None)
    if "error" in query:
        text = NOT_CONNECTED_BY_ERROR.get(query["error"], NOT_CONNECTED)
        return Notice(good=False, text=text.format(connection.title if connection else "The service"))
    return Notice(good=True, text=f"{connection.title} is connected.") if connection and connection.works else None


def _disconnected(title: str, revocation: Revocation) -> str:
    """Return the text about a disconnection, with the tokens that the service did not revoke."""
    if not revocation.not_revoked:
        result = "it revoked the access that you had granted" if revocation.revoked else "no access was left to revoke"
        return f"{title} is disconnected: {result}."
    reason = "did not revoke all that you had granted" if revocation.offered else "cannot revoke what you had granted"
    identity = revocation.identity
    expires_at = identity.expires_at if identity and revocation.not_revoked == [ACCESS_TOKEN] else None
    until = f"The access ends at {format_time(expires_at)}; to" if expires_at else "To"
    return (
        f"{title} is disconnected here, but {title} {reason}. {until} be sure, remove this app in your settings "
        f"at {title}."
    )
