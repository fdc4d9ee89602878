"""The routes of the connections page, for every framework: the page itself and its two forms, as HTML or as JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from urllib.parse import parse_qsl

from everyauth_cli.errors import ClientNotSet, ConfigurationProblem, EveryAuthError, ServiceNotFound, UsageProblem
from everyauth_cli.flows.host_pinning import is_bound_to
from everyauth_cli.model import Identity, Service
from everyauth_cli.pages.colours import monogram
from everyauth_cli.pages.connections import (
    PAGE_SCRIPT,
    Connection,
    Content,
    Notice,
    connections_list,
    disconnect_question,
    fragment,
    leaving_page,
    readable_scope,
    whole_page,
)
from everyauth_cli.pages.document import page_headers
from everyauth_cli.sanitize import printable
from everyauth_cli.urls import origin
from everyauth_cli.web.connections_json import connections_json, json_response, wants_json
from everyauth_cli.web.form_tokens import FormTokens, Purpose
from everyauth_cli.web.notices import disconnected, notice_of
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
    redirect,
)

EMBEDDED_HEADERS = {
    "content-type": "text/html; charset=utf-8",
    "cache-control": "no-store",
    "content-security-policy": "frame-ancestors 'none'",
    "referrer-policy": "same-origin",
    "vary": "accept",
    "x-content-type-options": "nosniff",
}
"""Those of a page of the app's, whose own scripts and styles no policy of ours could name."""


@dataclass(frozen=True, kw_only=True)
class ConnectionRoutes(Routes[R]):
    """The connections page of an app's users; `services` maps each service to the prefix of its `authorize`.

    The page reads only the metadata of identities, and sends nothing to a service unless the user disconnects one.
    """

    services: Mapping[str, str]

    def __post_init__(self) -> None:
        super().__post_init__()
        for service, prefix in self.services.items():
            check(f"services[{service!r}]", prefix, check_prefix)

    def page(self, request: WebRequest[R]) -> WebResponse:
        """Show the user's connections, with a notice about the last one that changed."""
        return self.led(request) or self._respond("GET", request, self._page)

    def connect(self, request: WebRequest[R]) -> WebResponse:
        """Send the browser to the URL that starts a login at the service."""
        return self._respond("POST", request, self._connect)

    def disconnect(self, request: WebRequest[R]) -> WebResponse:
        """Ask the user, then revoke and delete the identity at the service; the page then shows the result."""
        return self._respond("POST", request, self._disconnect)

    def _respond(
        self, method: str, request: WebRequest[R], respond: Callable[[WebRequest[R], FormTokens], WebResponse]
    ) -> WebResponse:
        if request.method != method:
            return not_allowed(method)
        current_user = self.current_user(request.framework_request)
        if current_user is None:
            return self._instead(request, 401, "sign_in", self.sign_in_link())
        try:
            tokens = self._tokens(*current_user)
            if method == "POST" and not self._is_own_form(request, tokens):
                return self._instead(request, 403, "reload", (self.url, self.texts["reload"]))
            return respond(request, tokens)
        except EveryAuthError as error:
            log_error("connections", error)
            return self._instead(request, 503, "unavailable")

    def _instead(
        self, request: WebRequest[R], status: int, reason: str, link: tuple[str, str] | None = None
    ) -> WebResponse:
        """Return the page in place of the list, or the same as JSON."""
        if not wants_json(request.header):
            return self.instead(status, reason, link)
        title, text = self.texts[f"{reason}_title"], self.texts[f"{reason}_text"]
        return json_response(
            {"error": reason, "title": title, "text": text, **({"url": link[0]} if link else {})}, status
        )

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
        notice = notice_of(dict(parse_qsl(request.query)), connections, tokens, self.texts)
        csrf_token = tokens.issue(Purpose.CSRF_TOKEN)
        if wants_json(request.header):
            return json_response(connections_json(connections, notice, title=self.look.title, csrf_token=csrf_token))
        content = connections_list(connections, look=self.look, notice=notice, url=self.url, csrf_token=csrf_token)
        return self._shown(request, content)

    def _connect(self, request: WebRequest[R], _: FormTokens) -> WebResponse:
        prefix = self._offered.get(request.form.get("service", ""))
        if prefix is None:
            return redirect(self.url)
        start_url = self.at_base(prefix)
        if wants_json(request.header):
            return json_response({"url": start_url})
        # Browsers hold the redirects after a form's POST against the page's `form-action`, which cannot name the
        # service and the hosts that it redirects to; a refresh is a navigation of its own.
        title = self._title(request.form["service"])
        response = self._html(leaving_page(title, look=self.look, url=start_url, style=self.style))
        return replace(response, headers={**response.headers, "refresh": f"0;url={start_url}"})

    def _disconnect(self, request: WebRequest[R], tokens: FormTokens) -> WebResponse:
        identity = self._identities(tokens.user, tokens.tenant).get(request.form.get("service", ""))
        if identity is None:
            return redirect(self.url)
        if "confirmed" not in request.form:
            return self._question(request, identity, tokens)
        notice = self._ended(identity)
        flash = tokens.issue(Purpose.FLASH, "good" if notice.good else "bad", notice.text)
        return redirect(f"{self.url}?{Purpose.FLASH}={flash}")

    def _question(self, request: WebRequest[R], identity: Identity, tokens: FormTokens) -> WebResponse:
        csrf_token = tokens.issue(Purpose.CSRF_TOKEN)
        connection = self._connection(identity.service, identity)
        question = disconnect_question(connection, look=self.look, url=self.url, csrf_token=csrf_token)
        if wants_json(request.header):
            return json_response({"title": question.title, "ends": question.values["ends"], "csrfToken": csrf_token})
        return self._shown(request, question)

    def _ended(self, identity: Identity) -> Notice:
        title = self._title(identity.service)
        try:
            revocation = self.auth.delete_identity(identity.service, identity.user, tenant=identity.tenant)
        except EveryAuthError as error:
            log_error(f"disconnecting {identity.service}", error)
            return Notice(good=False, text=self.texts["not_disconnected"].format(service=title))
        if revocation.problem:
            log.warning("disconnecting %s: %s", identity.service, revocation.problem)
        return disconnected(title, revocation, self.texts)

    def _shown(self, request: WebRequest[R], content: Content) -> WebResponse:
        """Return the content in our page, or in the app's."""
        if self.look.template is None:
            return self._html(whole_page(content, look=self.look, style=self.style))
        html = self.look.template(request.framework_request, fragment(content, look=self.look, style=self.style))
        return WebResponse(status=200, headers=EMBEDDED_HEADERS, body=html)

    def _html(self, html: str) -> WebResponse:
        # A form that is posted without any referrer has no Origin to be checked either (Fetch section 3.2).
        headers = page_headers([self.base_url], style=self.style, script=PAGE_SCRIPT, referrer_policy="same-origin")
        return WebResponse(status=200, headers={**headers, "vary": "accept"}, body=html)

    def _connections(self, user: str, tenant: str) -> Iterator[Connection]:
        """Yield the offered services in the app's order, then the user's other ones."""
        identities = self._identities(user, tenant)
        for service in dict.fromkeys([*self._offered, *identities]):
            yield self._connection(service, identities.get(service))

    def _connection(self, service: str, identity: Identity | None) -> Connection:
        entry = self.entry(service)
        title = entry.title if entry else service
        shown = Connection(
            service=service,
            title=title,
            offered=service in self._offered,
            icon=monogram(title, entry.color if entry else None),
            purpose=self._purposes.get(service, ""),
        )
        if identity is None:
            return shown
        return replace(
            shown,
            identity=identity,
            works=self._works(identity),
            ends_grant=self.auth.ends_grant(identity),
            revocable=entry is not None and entry.revocation.endpoint is not None,
            scopes=[(self._scope_name(scope), scope) for scope in _scopes(entry, identity)],
        )

    def _scope_name(self, scope: str) -> str:
        return self.look.scope_names.get(scope) or readable_scope(scope)

    def _identities(self, user: str, tenant: str) -> dict[str, Identity]:
        return {identity.service: identity for identity in self.auth.find(user=user, tenant=tenant)}

    @cached_property
    def _offered(self) -> Mapping[str, str]:
        """The prefixes of the offered services, by each service's canonical name."""
        return {self.canonical(service): prefix for service, prefix in self.services.items()}

    @cached_property
    def _purposes(self) -> Mapping[str, str]:
        return {self.canonical(service): purpose for service, purpose in self.look.purposes.items()}

    def _title(self, service: str) -> str:
        entry = self.entry(service)
        return entry.title if entry else service

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


def _scopes(entry: Service | None, identity: Identity) -> list[str]:
    return entry.split_scope(identity.scope) if entry else (identity.scope or "").split()


def login_prefixes(services: Iterable[str], *, prefix: str) -> dict[str, str]:
    """Return the prefix of each service's login beside a connections page; raises `UsageProblem`."""
    names = [services] if isinstance(services, str) else list(services)
    for service in names:
        if "/" in service or service in ("connect", "disconnect"):
            raise UsageProblem(
                f'the service "{service}" has the path of another route of the connections page',
                hint="use authorize and connections, with a prefix of your own",
            )
    return {service: f"{prefix}/{service}" for service in names}
