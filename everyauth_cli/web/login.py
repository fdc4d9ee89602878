"""A login in a web app, whatever its framework: how a visit to PREFIX and to PREFIX/callback is answered."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from everyauth_cli.errors import EveryAuthError
from everyauth_cli.flows.login import Grant
from everyauth_cli.model import Secret
from everyauth_cli.oauth.authorization_code import PendingLogin
from everyauth_cli.pages.result import Result
from everyauth_cli.web.error_redirect import REFUSED, words
from everyauth_cli.web.pending_logins import Cookie, PendingLogins
from everyauth_cli.web.routes import R, Reply, Routes, Visit, not_allowed, page, redirect, tell

NOBODY = Result(good=False, title="Sign in first", text="This app does not know who you are, so nothing was begun.")
SIGNED_OUT = Result(
    good=False,
    title="Sign in first",
    text="This app does not know any more who you are, so the login cannot be finished. Nothing was taken.",
)
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


@dataclass(frozen=True, kw_only=True)
class Flow(Routes[R]):
    """The logins of an app's users at one service.

    Nothing of a request says where to redirect: `base_url` and `prefix` make the redirect URI, and `finished_url` is
    a path on the host of `base_url`, or a URL of the app's own. Raises `UsageProblem` for those that cannot be used.
    """

    service: str
    finished_url: str
    on_authorized: Callable[[R, Grant], bool | None] | None = None
    scope: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_own("finished_url", self.finished_url)

    @property
    def redirect_uri(self) -> str:
        """The one to register at the service."""
        return f"{self.url}/callback"

    def start(self, visit: Visit[R]) -> Reply:
        """Begin a login: the browser keeps it, and goes to the service."""
        if visit.method != "GET":
            return not_allowed("GET")
        who = self.who(visit.request)
        if who is None:
            return page(401, NOBODY)
        user, tenant = who
        try:
            pending = self.auth.begin(
                self.service, redirect_uri=self.redirect_uri, user=user, tenant=tenant, scope=self.scope
            )
            cookies = self._logins.put(pending, visit.cookies)
            return redirect(self.auth.authorization_url(pending), cookies)
        except EveryAuthError as error:
            return self._failed(error)

    def callback(self, visit: Visit[R]) -> Reply:
        """Finish the login that the answer of the service belongs to, if this browser and its user began it."""
        if visit.method != "GET":
            return not_allowed("GET")
        who = self.who(visit.request)
        if who is None:
            return self._stopped(401, SIGNED_OUT)
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

    def _obstacle(self, pending: PendingLogin, who: tuple[str, str]) -> tuple[int, Result] | None:
        """Why a login cannot be finished; otherwise it is taken now, before its code is redeemed."""
        if (pending.request.user, pending.request.tenant) != who:
            return 403, OTHER_USER
        if self._logins.is_over(pending):
            return 400, OVER
        return None if self._logins.take(pending) else (400, USED)

    def _finish(self, request: R, pending: PendingLogin, query: Sequence[tuple[str, str]]) -> Reply:
        cleared = [self._logins.cleared(pending.state)]
        try:
            grant = self.auth.redeem(pending, query)
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

    def _to_app(self, fields: Mapping[str, str], cookies: Sequence[Cookie]) -> Reply:
        parts = urlsplit(self.at_host(self.finished_url))
        query = "&".join(filter(None, [parts.query, urlencode(fields)]))
        return redirect(urlunsplit(parts._replace(query=query)), cookies)

    def _failed(self, error: EveryAuthError, cookies: Sequence[Cookie] = ()) -> Reply:
        tell(f"login at {self.service}", error)
        return self._to_app(_error(*words(error)), cookies)

    def _stopped(self, status: int, result: Result) -> Reply:
        """A page in the place of a redirect: the app is told nothing of an answer that nobody here asked for."""
        return page(status, replace(result, link=(self.url, "Start again")))


def _error(error: str, description: str) -> dict[str, str]:
    return {"error": error, "errorDescription": description}
