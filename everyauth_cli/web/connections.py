"""The connections page of a web app, whatever its framework: how a visit to it and its two forms are answered."""

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
from everyauth_cli.flows.clients import is_bound_to
from everyauth_cli.flows.revoke import Revocation
from everyauth_cli.model import Identity
from everyauth_cli.pages.connections import STYLE, Connection, Notice, connections_page, format_time, leaving_page
from everyauth_cli.pages.document import Style, page_headers
from everyauth_cli.pages.result import Result
from everyauth_cli.sanitize import printable
from everyauth_cli.services.rules import ACCESS_TOKEN
from everyauth_cli.urls import origin
from everyauth_cli.web.form_tokens import Notes
from everyauth_cli.web.routes import (
    R,
    Reply,
    Routes,
    Visit,
    check,
    check_prefix,
    log,
    not_allowed,
    page,
    redirect,
    tell,
)

FORM, OUTCOME = "csrf_token", "outcome"
"""What the page's notes are for; and the names of the field and of the query's parameter that they come back in."""

NOBODY = Result(good=False, title="Sign in first", text="This app does not know who you are. Sign in, then come back.")
STALE = Result(
    good=False,
    title="Load the page again",
    text="This page was too old, or was not made for you. Nothing was changed.",
)
CANNOT = Result(
    good=False,
    title="This is not possible just now",
    text="The app cannot get at its connections; its log says why. Try again later.",
)
NOT_CONNECTED = Notice(good=False, text="The service was not connected. You can try again.")
NOT_CONNECTED_AS = {
    OtherAccount.code: Notice(
        good=False,
        text="You signed in there as another account than the one that is connected, which was kept. "
        "Disconnect it first to connect another.",
    ),
}
"""What the errors of a login are called here: nothing of the query is shown, which any link may hold."""


@dataclass(frozen=True, kw_only=True)
class Connections(Routes[R]):
    """The page for an app's users, with the services that it offers, each with the prefix of its `authorize`.

    `stylesheet` is a path on the host of `base_url`, or a URL. It looks at public halves alone and asks no service.
    """

    services: Mapping[str, str]
    stylesheet: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        for service, prefix in self.services.items():
            check(f"services[{service!r}]", prefix, check_prefix)
        if self.stylesheet is not None:
            self.check_own("stylesheet", self.stylesheet)

    def page(self, visit: Visit[R]) -> Reply:
        """What the user has connected, and what has just become of it."""
        return self._answer("GET", visit, self._page)

    def connect(self, visit: Visit[R]) -> Reply:
        """Send the browser to where a login at the service begins."""
        return self._answer("POST", visit, self._connect)

    def disconnect(self, visit: Visit[R]) -> Reply:
        """End what the user has at the service; the page then says how that went."""
        return self._answer("POST", visit, self._disconnect)

    def _answer(self, method: str, visit: Visit[R], answer: Callable[[Visit[R], Notes], Reply]) -> Reply:
        if visit.method != method:
            return not_allowed(method)
        who = self.who(visit.request)
        if who is None:
            return page(401, NOBODY)
        try:
            notes = self._notes(*who)
            if method == "POST" and not self._is_own(visit, notes):
                return page(403, replace(STALE, link=(self.url, "Load it again")))
            return answer(visit, notes)
        except EveryAuthError as error:
            tell("connections", error)
            return page(503, CANNOT)

    def _notes(self, user: str, tenant: str) -> Notes:
        auth = self.auth
        return Notes(store=auth.store, profile=auth.profile, clock=auth.clock, url=self.url, user=user, tenant=tenant)

    def _is_own(self, visit: Visit[R], notes: Notes) -> bool:
        """Whether a form was posted from this page of this user."""
        if visit.origin is not None and visit.origin != origin(self.base_url):
            log.warning("connections: a form came from %s, not from %s", printable(visit.origin, 80), self.base_url)
            return False
        same_site = visit.site in (None, "same-origin")
        return same_site and notes.read(FORM, visit.form.get(FORM, "")) is not None

    def _page(self, visit: Visit[R], notes: Notes) -> Reply:
        connections = list(self._connections(notes.user, notes.tenant))
        html = connections_page(
            connections,
            notice=_notice(dict(parse_qsl(visit.query)), connections, notes),
            url=self.url,
            csrf_token=notes.write(FORM),
            style=self._style,
        )
        return self._html(html)

    def _connect(self, visit: Visit[R], _: Notes) -> Reply:
        prefix = self._offered.get(visit.form.get("service", ""))
        if prefix is None:
            return redirect(self.url)
        start = self.at_base(prefix)
        # After a redirect browsers would hold the service, and whomever it redirects to, against the page's
        # `form-action`; a refresh is a navigation of its own.
        reply = self._html(leaving_page(self._title(visit.form["service"]), url=start, style=self._style))
        return replace(reply, headers={**reply.headers, "refresh": f"0;url={start}"})

    def _disconnect(self, visit: Visit[R], notes: Notes) -> Reply:
        identity = self._identities(notes.user, notes.tenant).get(visit.form.get("service", ""))
        if identity is None:
            return redirect(self.url)
        title = self._title(identity.service)
        try:
            revocation = self.auth.delete_identity(identity.service, identity.user, tenant=identity.tenant)
        except EveryAuthError as error:
            tell(f"disconnecting {identity.service}", error)
            good, text = False, f"{title} was not disconnected: the app cannot do this just now, and its log says why."
        else:
            if revocation.problem:
                log.warning("disconnecting %s: %s", identity.service, revocation.problem)
            good, text = not revocation.standing, _ended(title, revocation)
        outcome = notes.write(OUTCOME, "good" if good else "bad", text)
        return redirect(f"{self.url}?{OUTCOME}={outcome}")

    def _html(self, html: str) -> Reply:
        # A form that is posted without any referrer has no Origin to be checked either (Fetch section 3.2).
        sent = page_headers([self.base_url], style=self._style, referrer_policy="same-origin")
        return Reply(status=200, headers=sent, body=html)

    @property
    def _style(self) -> Style:
        return STYLE if self.stylesheet is None else Style(url=self.at_host(self.stylesheet))

    def _connections(self, user: str, tenant: str) -> Iterator[Connection]:
        """What is offered, in the app's order, then what else the user has."""
        held = self._identities(user, tenant)
        for service in dict.fromkeys([*self._offered, *held]):
            title, offered, identity = self._title(service), service in self._offered, held.get(service)
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
        """The services offered, by the name that identities have it under."""
        return {self._known(service, "name"): prefix for service, prefix in self.services.items()}

    def _title(self, service: str) -> str:
        return self._known(service, "title")

    def _known(self, service: str, key: str) -> str:
        """What the catalogue says of a service; its name, where that is all that is known any more."""
        try:
            return str(getattr(self.auth.catalogue.get(service), key))
        except (ServiceNotFound, ConfigurationProblem):
            return service

    def _works(self, identity: Identity) -> bool:
        """Whether a token can be had, as far as that is known here."""
        lives = identity.expires_at is None or identity.expires_at > self.auth.clock()
        return identity.login_required is None and (lives or (identity.refreshable and self._is_bound(identity)))

    def _is_bound(self, identity: Identity) -> bool:
        """Whether it was granted to the client that would refresh it."""
        try:
            service = self.auth.clients.filled(identity.service)
        except (ServiceNotFound, ConfigurationProblem, ClientNotSet):
            return False
        known = self.auth.clients.peek(service)
        return known is not None and is_bound_to(identity, service, known[0])


def _notice(query: Mapping[str, str], connections: list[Connection], notes: Notes) -> Notice | None:
    """What to say of a login that ended here, or of a disconnection."""
    outcome = notes.read(OUTCOME, query.get(OUTCOME, ""))
    if outcome is not None:
        good, text = outcome
        return Notice(good=good == "good", text=text)
    if "error" in query:
        return NOT_CONNECTED_AS.get(query["error"], NOT_CONNECTED)
    works = (connection for connection in connections if connection.works)
    title = next((connection.title for connection in works if connection.service == query.get("serviceId")), None)
    return None if title is None else Notice(good=True, text=f"{title} is connected.")


def _ended(title: str, revocation: Revocation) -> str:
    """How a disconnection went, and what stands."""
    if not revocation.standing:
        ended = "what you had granted was revoked there" if revocation.revoked else "nothing of it was left there"
        return f"{title} is disconnected: {ended}."
    why = "did not revoke all that you had granted" if revocation.offered else "has no way to revoke what you granted"
    identity = revocation.identity
    expires_at = identity.expires_at if identity and revocation.standing == [ACCESS_TOKEN] else None
    until = f"It ends by itself at {format_time(expires_at)}; " if expires_at else ""
    return (
        f"{title} is disconnected here, but {title} {why}. {until}{'t' if until else 'T'}o be sure, remove this app "
        f"in your settings at {title}."
    )
