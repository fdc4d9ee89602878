"""A login in a web app, whatever its framework: how a visit to PREFIX and to PREFIX/callback is answered."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Generic, TypeVar
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit, urlunsplit

from everyauth_cli.errors import EveryAuthError, UsageProblem
from everyauth_cli.everyauth import EveryAuth
from everyauth_cli.grant import Grant
from everyauth_cli.model import Pending, Secret
from everyauth_cli.pages import HEADERS, Result, result_page
from everyauth_cli.services.entry import check_url
from everyauth_cli.web.failure import REFUSED, words
from everyauth_cli.web.pending import Cookie, PendingLogins

R = TypeVar("R")
"""The framework's own request, which the app's functions are given."""

PATH = re.compile(r"(/(?!\.+(/|$))[A-Za-z0-9._~-]+)+")
UNSAID = {"cache-control": "no-store", "referrer-policy": "no-referrer"}
"""Neither a cache nor the next site is to have the code and the state (RFC 9700 section 4.2.4)."""

log = logging.getLogger("everyauth_cli.web")

NOBODY = Result(good=False, title="Sign in first", text="This app does not know who you are, so nothing was begun.")
LOST = Result(
    good=False,
    title="This login was not begun here",
    text="This browser began no such login, or it has ended already, or ten minutes have passed. Nothing was taken.",
)
OVER = Result(
    good=False,
    title="The login took too long",
    text="It was begun more than ten minutes ago. Nothing was taken.",
)
USED = Result(
    good=False,
    title="This login has ended already",
    text="Its answer was taken before, and is good for one time only.",
)
OTHER_USER = Result(
    good=False,
    title="Somebody else began this login",
    text="You are signed in to this app as another user than the one who began it. Nothing was taken.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit(Generic[R]):
    """A request as far as a login needs it, and the framework's own."""

    request: R
    method: str
    query: str
    cookies: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What the browser is answered."""

    status: int
    headers: Mapping[str, str]
    body: str = ""
    cookies: Sequence[Cookie] = ()


NOT_ALLOWED = Reply(status=405, headers={**UNSAID, "allow": "GET"})
"""Frameworks take a HEAD for a GET; here it would redeem the code for somebody who looks at links beforehand."""


@dataclass(frozen=True, kw_only=True)
class Flow(Generic[R]):
    """The logins of an app's users at one service.

    Nothing of a request says where to redirect: `base_url` and `prefix` make the redirect URI, and `finished_url` is
    a path on the host of `base_url`, or a URL of the app's own. Raises `UsageProblem` for those that cannot be used.
    """

    service: str
    finished_url: str
    map_to_user_id: Callable[[R], str | None]
    base_url: str
    prefix: str
    map_to_tenant_id: Callable[[R], str | None] | None = None
    on_authorized: Callable[[R, Grant], bool | None] | None = None
    scope: str | None = None
    given: EveryAuth | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        _check("base_url", self.base_url, _check_base)
        _check("prefix", self.prefix, _check_prefix)
        _check("finished_url", self.finished_url, lambda _: _check_finished(self._finished_url))

    @property
    def redirect_uri(self) -> str:
        """The one to register at the service."""
        return f"{self.base_url.rstrip('/')}{self.prefix}/callback"

    @cached_property
    def auth(self) -> EveryAuth:
        return self.given or EveryAuth.from_env()

    def start(self, visit: Visit[R]) -> Reply:
        """Begin a login: the browser keeps it, and goes to the service."""
        if visit.method != "GET":
            return NOT_ALLOWED
        who = self._who(visit.request)
        if who is None:
            return _page(401, NOBODY)
        user, tenant = who
        try:
            pending = self.auth.begin(
                self.service, redirect_uri=self.redirect_uri, user=user, tenant=tenant, scope=self.scope
            )
            cookies = self._logins.put(pending, visit.cookies)
            return _redirect(self.auth.authorization_url(pending), cookies)
        except EveryAuthError as error:
            return self._failed(error)

    def callback(self, visit: Visit[R]) -> Reply:
        """Finish the login that the answer of the service belongs to, if this browser and its user began it."""
        if visit.method != "GET":
            return NOT_ALLOWED
        who = self._who(visit.request)
        if who is None:
            return _page(401, NOBODY)
        query = parse_qsl(visit.query, keep_blank_values=True)
        state = Secret(next((value for name, value in query if name == "state"), ""))
        try:
            pending = self._logins.find(state, visit.cookies)
            if pending is None:
                return self._stopped(400, LOST)
            obstacle = self._obstacle(pending, who)
        except EveryAuthError as error:
            return self._failed(error)
        return self._stopped(*obstacle) if obstacle else self._finish(visit.request, pending, query)

    def _obstacle(self, pending: Pending, who: tuple[str, str]) -> tuple[int, Result] | None:
        """Why a login cannot be finished; otherwise it is taken now, before its code is redeemed."""
        if (pending.user, pending.tenant) != who:
            return 403, OTHER_USER
        if self._logins.is_over(pending):
            return 400, OVER
        return None if self._logins.take(pending) else (400, USED)

    def _finish(self, request: R, pending: Pending, query: Sequence[tuple[str, str]]) -> Reply:
        cleared = [self._logins.cleared(pending.state)]
        try:
            grant = self.auth.exchange(pending, query)
            if not self._allowed(request, grant):
                return self._to_app(_error(*REFUSED), cleared)
            identity = self.auth.keep(grant)
        except EveryAuthError as error:
            return self._failed(error, cleared)
        whose = {"serviceId": identity.service, "userId": identity.user, "tenantId": identity.tenant}
        return self._to_app(whose, cleared)

    def _allowed(self, request: R, grant: Grant) -> bool:
        answer = None if self.on_authorized is None else self.on_authorized(request, grant)
        # What is neither, such as a coroutine that nobody awaited, must not pass for a yes.
        if answer is not None and not isinstance(answer, bool):
            raise TypeError(f"on_authorized gave a {type(answer).__name__}; it is to give False to refuse, or True")
        return answer is not False

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

    def _who(self, request: R) -> tuple[str, str] | None:
        """The user and the tenant of a request; None for nobody."""
        user = _named("map_to_user_id", self.map_to_user_id(request))
        if user is None:
            return None
        tenant = _named("map_to_tenant_id", self.map_to_tenant_id(request)) if self.map_to_tenant_id else user
        return None if tenant is None else (user, tenant)

    @property
    def _finished_url(self) -> str:
        # One slash: with two of them it would name a host.
        is_path = re.match(r"/(?!/)", self.finished_url)
        return urljoin(self.base_url, self.finished_url) if is_path else self.finished_url

    def _to_app(self, fields: Mapping[str, str], cookies: Sequence[Cookie]) -> Reply:
        parts = urlsplit(self._finished_url)
        query = "&".join(filter(None, [parts.query, urlencode(fields)]))
        return _redirect(urlunsplit(parts._replace(query=query)), cookies)

    def _failed(self, error: EveryAuthError, cookies: Sequence[Cookie] = ()) -> Reply:
        log.warning("login at %s: %s%s", self.service, error.message, f" ({error.hint})" if error.hint else "")
        return self._to_app(_error(*words(error)), cookies)

    def _stopped(self, status: int, result: Result) -> Reply:
        """A page in the place of a redirect: the app is told nothing of an answer that nobody here asked for."""
        start = f"{self.base_url.rstrip('/')}{self.prefix}"
        return _page(status, replace(result, link=(start, "Start again")))


def _named(function: str, value: str | None) -> str | None:
    # A number or an object would be stored as whatever its text happens to be, and not be found by it.
    if value is not None and not isinstance(value, str):
        raise TypeError(f"{function} gave a {type(value).__name__}; it is to give a str, or None for nobody")
    return value or None


def _error(error: str, description: str) -> dict[str, str]:
    return {"error": error, "errorDescription": description}


def _redirect(url: str, cookies: Sequence[Cookie]) -> Reply:
    return Reply(status=303, headers={**UNSAID, "location": url}, cookies=cookies)


def _page(status: int, result: Result) -> Reply:
    return Reply(status=status, headers=HEADERS, body=result_page(result))


def _check(name: str, value: str, check: Callable[[str], object]) -> None:
    try:
        check(value)
    except ValueError as error:
        raise UsageProblem(f"{name}={value!r} cannot be used: {error}") from None


def _check_base(url: str) -> None:
    check_url(url)
    if "?" in url:
        raise ValueError("it holds a query")


def _check_prefix(prefix: str) -> None:
    if not PATH.fullmatch(prefix):
        raise ValueError("it is no path such as /connect/service")


def _check_finished(url: str) -> None:
    if "\\" in url:
        raise ValueError("it holds a backslash, which browsers read as a slash")
    check_url(url.partition("#")[0])
