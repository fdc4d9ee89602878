"""A login at the URL of a server: what is found out about it before the browser opens."""

from __future__ import annotations

import functools
import shlex
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass

from everyauth_cli.cli.login.keeping import LoginOptions
from everyauth_cli.cli.login.run import run_login
from everyauth_cli.cli.login_options import AssumePkceOption, ClientOption, DocumentOption
from everyauth_cli.cli.session import Session
from everyauth_cli.errors import ClientRejected, EveryAuthError, LoginFailed, UsageProblem
from everyauth_cli.event_log import EventLog
from everyauth_cli.flows.freshness import now_ms
from everyauth_cli.flows.known_servers import doubted_on_failure
from everyauth_cli.model import Identity, Service
from everyauth_cli.oauth.grant import GrantType
from everyauth_cli.services.at_url import login_at, server_name
from everyauth_cli.urls import domain, host, is_url, origin

MOST_ATTEMPTS = 3
"""Logins for one server, the first included, after which another one for more access is refused."""
MINUTE_MS = 60_000
ATTEMPTS_MS, MOST_EVENTS = 10 * MINUTE_MS, 50
"""The time in which they are counted, and the events that are looked through."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UrlOptions:
    """The options of a login at a URL; `EveryAuth.discover` says what each means."""

    client: ClientOption = None
    client_id: DocumentOption = None
    assume_pkce: AssumePkceOption = False

    def words(self) -> list[str]:
        """Return them as words of a command line."""
        named = {"--client": self.client, "--client-id": self.client_id}
        return [f"{option}={value}" for option, value in named.items() if value] + ["--assume-pkce"] * self.assume_pkce

    def check(self, name: str, *, sandbox: bool, resource: str | None) -> None:
        """Refuse options that do not go with a URL, with none, or with each other. Raises `UsageProblem`."""
        if is_url(name) and sandbox:
            raise UsageProblem(
                "the sandbox is for services of the catalogue, and not for a URL", hint="everyauth service ls"
            )
        if is_url(name) and resource is not None:
            raise UsageProblem(
                "--resource is for a service: at a URL, tokens are requested for the resource that the server names",
                hint="leave it out",
            )
        options = {"--client": self.client, "--client-id": self.client_id, "--assume-pkce": self.assume_pkce}
        given = [option for option, value in options.items() if value]
        if given and not is_url(name):
            raise UsageProblem(f"{given[0]} is for the URL of a server", hint="leave it out")
        if self.client and self.client_id:
            raise UsageProblem("--client and --client-id both name a client", hint="give one of them")


def log_in_at(
    session: Session, url: str, at_url: UrlOptions, options: functools.partial[LoginOptions], *, scope: str | None
) -> None:
    """Log in at a URL, once more with another client if the server rejects the one that it had registered itself.

    A scope is added to what is granted already (a step-up): a server asks for what it lacks alone. Raises what a login
    raises, and `LoginFailed` for one more step-up when several have not been enough.
    """
    name, about = server_name(url), options.keywords
    if (grant := about["grant"]) is not None and not (grant.grant_type is GrantType.ID_JAG and at_url.client_id):
        _check_client(session, name, at_url.client, options=shlex.join(grant.words))
    before = session.auth.find(service=name, user=about["user"], tenant=about["tenant"])
    if scope is not None:
        _check_attempts(session, name, user=about["user"])
        scope = _union(session, before, scope)
    rejected = None
    ask = functools.partial(
        session.auth.discover, name, user=about["user"], tenant=about["tenant"], scope=scope, **asdict(at_url)
    )
    while (service := discovered(session, name, functools.partial(ask, rejected=rejected))) is not None:
        client = session.auth.clients.get(service)
        made = options(service=service, client=client, scope=scope, before=before, more=at_url.words())
        try:
            with doubted_on_failure(session.auth.store, session.auth.profile, name):
                run_login(session, made)
        except ClientRejected:
            if rejected is not None or service.client_of is not None or is_url(client.client_id):
                raise
            rejected = client.client_id
            session.terminal.info(f"{name} does not know the client any more that it registered; it gets another one.")
            continue
        return


def _check_client(session: Session, name: str, client: str | None, *, options: str) -> None:
    """Check that a grant of a client's own has one of a service, named now or used before, which no server registers.

    Raises `UsageProblem`, and `ClientNotSet`.
    """
    clients = session.auth.clients
    if client is not None:
        clients.get(clients.filled(client), redirects=False)
        return
    with suppress(EveryAuthError):
        if session.auth.catalogue.get(name).client_of is not None:
            return
    raise UsageProblem(
        f"with {options} at a URL, --client names the service whose client it is",
        hint=f"{login_at(name)} {options} --client SERVICE",
    )


def discovered(session: Session, url: str, discover: Callable[[], Service | None]) -> Service | None:
    """Find out how the server at a URL is logged in at; return None if it needs no login, which is shown."""
    service = discover()
    if service is None:
        session.terminal.done(f"{url} needs no login; nothing was stored.")
        session.terminal.event("done", serviceId=url, loginNeeded=False)
        if session.terminal.as_json:
            session.terminal.json({"serviceId": url, "loginNeeded": False})
    elif service.issuer and origin(service.issuer) != origin(service.name):
        session.terminal.info(f"{service.name} has its logins at {service.issuer}.")
    if service is not None and service.client_of is None:
        _warn_of_two_owners(session, service)
    return service


def _warn_of_two_owners(session: Session, service: Service) -> None:
    """Warn where a browser would go to one owner, and what is granted there to another (RFC 9700 section 4.4)."""
    asks, gets = host(service.authorization_endpoint or ""), host(service.token_endpoint)
    if domain(asks) != domain(gets):
        session.terminal.warn(
            f"the browser goes to {asks}, and what you grant there is handed to {gets}, as {service.issuer} says: "
            f"go on only if {gets} may have it"
        )


def _union(session: Session, before: Sequence[Identity], scope: str) -> str:
    """Return a scope with those that were requested and granted before, where there was a login."""
    known: list[str] = []
    for identity in before[:1]:
        with suppress(EveryAuthError):
            known += session.auth.catalogue.get(identity.service).scopes
        known += (identity.scope or "").split()
    return " ".join(dict.fromkeys([*known, *scope.split()]))


def _check_attempts(session: Session, name: str, *, user: str) -> None:
    """Raise `LoginFailed` when so many logins in a row for more access have not been enough for the server."""
    since = now_ms() - ATTEMPTS_MS
    with suppress(OSError):
        events = EventLog(session.settings.log_dir).last(name, MOST_EVENTS, profile=session.settings.profile)
        recent = [event for event in events if event.time > since and event.user == user and event.action == "login"]
        if len([event for event in recent if event.outcome == "done"]) >= MOST_ATTEMPTS:
            raise LoginFailed(
                f"{MOST_ATTEMPTS} logins at {name} within {ATTEMPTS_MS // MINUTE_MS} minutes have not given what it "
                "asks for; another one would not either",
                hint=f"ask who runs {name} which scopes your account may have; then: {login_at(name)}",
            )
