"""`everyauth login`: the authorization code flow with a redirect to loopback (RFC 8252)."""

from __future__ import annotations

import functools
import shlex
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Annotated

import typer

from everyauth_cli.cli import app
from everyauth_cli.cli.app import command
from everyauth_cli.cli.completers import users
from everyauth_cli.cli.durations import expiry, read_duration, read_pairs
from everyauth_cli.cli.interrupts import finished_first
from everyauth_cli.cli.login.at_sandbox import led_to_sandbox, not_in_the_sandbox
from everyauth_cli.cli.login.browser import Choice, choose
from everyauth_cli.cli.login.redirect import answer, arrival_at
from everyauth_cli.cli.login.result_page import failure, question, success
from everyauth_cli.cli.options import ServiceArgument
from everyauth_cli.cli.session import Session
from everyauth_cli.errors import EveryAuthError, LoginFailed, LoginTimedOut, OtherAccount, StoreBusy
from everyauth_cli.everyauth import now_ms
from everyauth_cli.flows.hints import login_command, user_of_tenant
from everyauth_cli.flows.identity_json import as_json
from everyauth_cli.flows.login import Grant
from everyauth_cli.model import DEFAULT_USER, Client, Identity, Service
from everyauth_cli.oauth.authorization_code import PendingLogin, is_answer_to
from everyauth_cli.oauth.token_endpoint import missing_scopes
from everyauth_cli.redirect.waiter import Query, RedirectWaiter
from everyauth_cli.settings import read_surroundings

KEEP_BOTH = "log in with --user NAME to keep both, or put the new one in the old one's place"


@command(app.app, "login")
def login(
    session: Session,
    service: ServiceArgument,
    user: Annotated[
        str, typer.Option("--user", autocompletion=users, help="Whose credential it is, in your words.")
    ] = DEFAULT_USER,
    tenant: Annotated[str | None, typer.Option("--tenant", help="The user's tenant.", show_default="the user")] = None,
    tag: Annotated[
        list[str] | None, typer.Option("--tag", metavar="KEY=VALUE", help="A tag to find it by; may be repeated.")
    ] = None,
    scope: Annotated[
        str | None, typer.Option("--scope", help="The scopes to ask for, this time.", show_default="as set")
    ] = None,
    timeout: Annotated[str, typer.Option("--timeout", metavar="DURATION", help="How long to wait.")] = "300s",
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Open no browser; somebody opens the URL that is on stderr.")
    ] = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="Put another account in the place of the one that is held.")
    ] = False,
    sandbox: Annotated[
        bool,
        typer.Option(
            "--sandbox",
            help="Log in at the sandbox in its place, with nothing registered; kept under the profile sandbox.",
        ),
    ] = False,
) -> None:
    """Log in at a service through the browser, and keep what it grants."""
    asked = functools.partial(
        LoginOptions,
        user=user,
        tenant=tenant or user,
        tags=read_pairs(tag or [], "--tag"),
        scope=scope,
        seconds=read_duration(timeout),
        no_browser=no_browser,
        replace=replace,
    )
    with led_to_sandbox(session, service) if sandbox else not_in_the_sandbox(session, service) as led:
        _run(led, service, asked)


def _run(session: Session, name: str, asked: Callable[..., LoginOptions]) -> None:
    service = session.auth.clients.filled(name)
    wanted = asked(service=service, client=session.auth.clients.get(service))
    session.auth.store.probe()
    # What is held is read once the login comes back: whether it can be is better known before.
    session.auth.holds(service.name, user=wanted.user, tenant=wanted.tenant)
    with ExitStack() as held:
        if _wait_for_others(session, wanted, held):
            return
        _log_in(session, wanted)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginOptions:
    """What a login is to bring, and how."""

    service: Service
    client: Client
    user: str
    tenant: str
    tags: Mapping[str, str]
    scope: str | None
    seconds: float
    no_browser: bool
    replace: bool


def _wait_for_others(session: Session, wanted: LoginOptions, held: ExitStack) -> bool:
    """Hold the login lock; whether another login brought what is wanted while this one waited for it."""
    auth, name = session.auth, wanted.service.name
    lock = functools.partial(auth.login_lock, name, user=wanted.user, tenant=wanted.tenant)
    before = auth.find(service=name, user=wanted.user, tenant=wanted.tenant)
    try:
        held.enter_context(lock(timeout=0))
    except StoreBusy:
        session.terminal.note(f"Another login for {wanted.user} at {name} is under way; waiting for it ...")
    else:
        return False
    try:
        held.enter_context(lock(timeout=wanted.seconds))
    except StoreBusy:
        raise LoginTimedOut(
            f"another login for {wanted.user} at {name} did not end within {wanted.seconds:g} s",
            hint="finish it in its browser, or end it with Ctrl-C",
        ) from None
    after = auth.find(service=name, user=wanted.user, tenant=wanted.tenant, tags=wanted.tags)
    if not after or not _is_wanted(wanted, after[0], before):
        return False
    _report(session, after[0])
    return True


def _is_wanted(wanted: LoginOptions, identity: Identity, before: Sequence[Identity]) -> bool:
    """Whether another login has just brought what is wanted; a refresh is no login."""
    is_new = identity.granted_at not in [old.granted_at for old in before]
    missing = missing_scopes(wanted.service, wanted.scope, identity.scope)
    return is_new and identity.login_required is None and not missing and not wanted.replace


def _log_in(session: Session, wanted: LoginOptions) -> None:
    auth, service = session.auth, wanted.service
    again = _typed_again(session, wanted)
    with arrival_at(session.terminal, service, wanted.client) as listener:
        pending = auth.begin(
            service.name,
            redirect_uri=listener.redirect_uri,
            user=wanted.user,
            tenant=wanted.tenant,
            tags=wanted.tags,
            scope=wanted.scope,
        )
        listener.expect(lambda query: is_answer_to(pending, query))
        try:
            query = answer(
                session.terminal,
                listener,
                auth.authorization_url(pending),
                service=service,
                choice=Choice() if wanted.no_browser else choose(read_surroundings()),
                login=again,
                seconds=wanted.seconds,
            )
            grant, identity = _redeem(session, listener, pending, query, wanted)
        except EveryAuthError as error:
            again += " --replace" * isinstance(error, OtherAccount)
            error = _with_command(error, again)
            listener.show(failure(error, service_title=service.title, login_command=again))
            raise error from None
        except BaseException:
            # An interrupt, or a fault of ours: whoever looks at the browser is not to be left with nothing.
            listener.show(failure(LoginFailed("it was cut off"), service_title=service.title, login_command=again))
            raise
        listener.show(success(identity, service_title=service.title, missing_scopes=grant.missing_scopes))
    _report(session, identity)
    if grant.missing_scopes:
        session.terminal.warn(
            f"{service.name} granted less than was asked for: {' '.join(grant.missing_scopes)} is missing; "
            f"granted is {identity.scope or 'nothing'}"
        )


def _with_command(error: EveryAuthError, again: str) -> EveryAuthError:
    """Return an error of a login with the command that repeats the login."""
    if isinstance(error, OtherAccount):
        return error.copy(hint=f"{KEEP_BOTH}: {again}")
    return error.copy(hint=again) if isinstance(error, LoginFailed) and error.hint is None else error


def _redeem(
    session: Session, listener: RedirectWaiter, pending: PendingLogin, query: Query, wanted: LoginOptions
) -> tuple[Grant, Identity]:
    """Redeem the code and store what it brings, with an interrupt waiting until that is done.

    Whether another account may take the old one's place is asked where somebody is.
    """
    auth = session.auth
    with finished_first():
        grant = auth.redeem(pending, query)
        try:
            return grant, auth.keep(grant, replace_account=wanted.replace)
        except OtherAccount as error:
            other = error
    if not session.terminal.can_ask:
        raise other
    listener.show(question(other, service_title=wanted.service.title))
    session.terminal.note(f"{other.difference}.")
    if not session.terminal.confirm("Put the new one in its place?"):
        raise other
    return grant, auth.keep(grant, replace_account=True)


def _typed_again(session: Session, wanted: LoginOptions) -> str:
    """The command of this login, to be typed once more."""
    command = login_command(
        wanted.service.name, user=wanted.user, tenant=wanted.tenant, profile=session.profile_to_name
    )
    words = [f"--tag={name}={value}" for name, value in wanted.tags.items()]
    words += [f"--scope={wanted.scope}"] * (wanted.scope is not None) + ["--no-browser"] * wanted.no_browser
    return " ".join([command, *map(shlex.quote, words)])


def _who(identity: Identity) -> str:
    account = f"{identity.account.label}, " if identity.account else ""
    return f"{account}kept as {user_of_tenant(identity.user, identity.tenant)}"


def _report(session: Session, identity: Identity) -> None:
    now = now_ms()
    renewal = " and is refreshed by itself" if identity.refreshable else ""
    if identity.expires_at is None:
        life = "The access token does not expire."
    elif identity.expires_at <= now:
        life = f"The access token has expired{renewal}."
    else:
        life = f"The access token expires {expiry(identity.expires_at, now=now)}{renewal}."
    session.terminal.note(f"Logged in to {identity.service}: {_who(identity)}. {life}")
    if session.terminal.as_json:
        session.terminal.json(as_json(identity))
