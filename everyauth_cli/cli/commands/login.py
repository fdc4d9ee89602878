"""`everyauth login`: the authorization code flow with a redirect to loopback (RFC 8252)."""

from __future__ import annotations

import functools
import shlex
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from everyauth_cli.cli import app
from everyauth_cli.cli.app import command
from everyauth_cli.cli.durations import expiry, read_duration, read_pairs
from everyauth_cli.cli.interrupts import finished_first
from everyauth_cli.cli.login.at_sandbox import at_sandbox, at_service
from everyauth_cli.cli.login.browser import BrowserChoice, choose_browser
from everyauth_cli.cli.login.redirect import redirect_waiter, wait_for_response
from everyauth_cli.cli.login.result_page import failure, question, success
from everyauth_cli.cli.login.surroundings import read_surroundings
from everyauth_cli.cli.options import ServiceArgument, users
from everyauth_cli.cli.session import Session
from everyauth_cli.errors import EveryAuthError, LoginFailed, LoginTimedOut, OtherAccount, StoreBusy
from everyauth_cli.flows.freshness import now_ms
from everyauth_cli.flows.hints import login_command, user_of_tenant
from everyauth_cli.flows.identity_json import as_json
from everyauth_cli.model import DEFAULT_USER, Client, Identity, Service
from everyauth_cli.oauth.authorization_code import PendingLogin, has_state_of
from everyauth_cli.oauth.token_endpoint import missing_scopes
from everyauth_cli.redirect.waiter import Query, RedirectWaiter
from everyauth_cli.services import EXAMPLE

if TYPE_CHECKING:
    from everyauth_cli.flows.login import Grant


@command(
    app.app,
    "login",
    examples=[
        f"everyauth login {EXAMPLE}",
        f"everyauth login {EXAMPLE} --user user-123 --no-browser",
        f"everyauth login {EXAMPLE} --sandbox",
    ],
)
def login(
    session: Session,
    service: ServiceArgument,
    user: Annotated[
        str,
        typer.Option(
            "--user", metavar="USER", autocompletion=users, help="The user to store the login for, by a name of yours."
        ),
    ] = DEFAULT_USER,
    tenant: Annotated[
        str | None, typer.Option("--tenant", metavar="TENANT", help="The user's tenant.", show_default="the user")
    ] = None,
    tag: Annotated[
        list[str] | None, typer.Option("--tag", metavar="KEY=VALUE", help="A tag to find it by; may be repeated.")
    ] = None,
    scope: Annotated[
        str | None,
        typer.Option("--scope", metavar="SCOPES", help="The scopes to request this time.", show_default="as set"),
    ] = None,
    timeout: Annotated[
        str, typer.Option("--timeout", metavar="DURATION", help="Maximum time to wait for the browser.")
    ] = "300s",
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Print the URL instead of opening a browser.")
    ] = False,
    replace: Annotated[bool, typer.Option("--replace", help="Replace the stored account.")] = False,
    sandbox: Annotated[
        bool,
        typer.Option("--sandbox", help="Log in at the sandbox, with nothing registered; stored in profile sandbox."),
    ] = False,
) -> None:
    """Log in to a service with your browser.

    The access token and the refresh token are stored, and refreshed when needed.
    """
    tags, seconds = read_pairs(tag or [], "--tag"), read_duration(timeout)
    with at_sandbox(session, service, user=user) if sandbox else at_service(session) as active:
        entry = active.auth.clients.filled(service)
        options = LoginOptions(
            service=entry,
            client=active.auth.clients.get(entry),
            user=user,
            tenant=tenant or user,
            tags=tags,
            scope=scope,
            seconds=seconds,
            no_browser=no_browser,
            replace=replace,
        )
        _run(active, options)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginOptions:
    """The options of one login, with the service's catalogue entry and our client."""

    service: Service
    client: Client
    user: str
    tenant: str
    tags: Mapping[str, str]
    scope: str | None
    seconds: float
    no_browser: bool
    replace: bool


def _run(session: Session, options: LoginOptions) -> None:
    session.auth.store.probe()
    # The stored credential is read when the login comes back: a failure is better known before the browser opens.
    session.auth.holds(options.service.name, user=options.user, tenant=options.tenant)
    with ExitStack() as locks:
        identity = _wait_for_other_login(session, options, locks)
        if identity is None:
            _log_in(session, options)
        else:
            _report(session, identity)


def _wait_for_other_login(session: Session, options: LoginOptions, locks: ExitStack) -> Identity | None:
    """Take the login lock; return the identity if another login has stored it while this one waited."""
    auth, name, user = session.auth, options.service.name, user_of_tenant(options.user, options.tenant)
    lock = functools.partial(auth.login_lock, name, user=options.user, tenant=options.tenant)
    before = auth.find(service=name, user=options.user, tenant=options.tenant)
    try:
        locks.enter_context(lock(timeout=0))
    except StoreBusy:
        session.terminal.info(f"Waiting for another login of user {user} at {name} to finish ...")
    else:
        return None
    try:
        locks.enter_context(lock(timeout=options.seconds))
    except StoreBusy:
        raise LoginTimedOut(
            f"another login of user {user} at {name} did not finish within {options.seconds:g} s",
            hint="finish it in its browser, or stop it with Ctrl-C",
        ) from None
    after = auth.find(service=name, user=options.user, tenant=options.tenant, tags=options.tags)
    return after[0] if after and _is_enough(after[0], options, before) else None


def _is_enough(identity: Identity, options: LoginOptions, before: Sequence[Identity]) -> bool:
    """Whether another login, and not a mere refresh, has just stored an identity with all that this one would have."""
    is_new = identity.granted_at not in [old.granted_at for old in before]
    missing = missing_scopes(options.service, options.scope, identity.scope)
    return is_new and identity.login_required is None and not missing and not options.replace


def _log_in(session: Session, options: LoginOptions) -> None:
    auth, service = session.auth, options.service
    command_line = _command_line(session, options)
    browser = BrowserChoice() if options.no_browser else choose_browser(read_surroundings())
    opens = browser.opener is not None
    with redirect_waiter(
        session.terminal, service, options.client, opens_browser=opens, seconds=options.seconds
    ) as waiter:
        pending = auth.begin(
            service.name,
            redirect_uri=waiter.redirect_uri,
            user=options.user,
            tenant=options.tenant,
            tags=options.tags,
            scope=options.scope,
        )
        # The code is redeemed there: a fault is better known before the browser opens.
        session.reach(service.token_endpoint)
        waiter.expect(lambda query: has_state_of(pending, query))
        try:
            query = wait_for_response(
                session.terminal,
                waiter,
                auth.authorization_url(pending),
                service=service,
                browser=browser,
                command_line=command_line,
                seconds=options.seconds,
            )
            grant, identity = _redeem(session, waiter, pending, query, options)
        except EveryAuthError as error:
            hinted = session.with_hint_completed(_with_hint(error, command_line))
            again = f"{command_line} --replace" if isinstance(error, OtherAccount) else command_line
            waiter.show(failure(hinted, service_title=service.title, login_command=again))
            raise hinted from None
        except BaseException:
            # After an interrupt or an internal error too, the browser must not wait for its page.
            interrupted = LoginFailed("it was interrupted")
            waiter.show(failure(interrupted, service_title=service.title, login_command=command_line))
            raise
        waiter.show(success(identity, service_title=service.title, missing_scopes=grant.missing_scopes))
        # The end of the block may wait for a browser that comes for its page once more.
        _report(session, identity)
        if grant.missing_scopes:
            session.terminal.warn(
                f"{service.name} granted fewer scopes than requested: {' '.join(grant.missing_scopes)} is missing; "
                f"it granted {identity.scope or 'none'}"
            )


def _with_hint(error: EveryAuthError, command_line: str) -> EveryAuthError:
    """Return an error of the login with the command to type next, unless it has a hint already."""
    if isinstance(error, OtherAccount):
        advice = "use --user NAME to keep both accounts, or replace the stored one"
        return error.copy(hint=f"{advice}: {command_line} --replace")
    return error.copy(hint=command_line) if isinstance(error, LoginFailed) and error.hint is None else error


def _redeem(
    session: Session, waiter: RedirectWaiter, pending: PendingLogin, query: Query, options: LoginOptions
) -> tuple[Grant, Identity]:
    """Redeem the code and store the token; an interrupt waits until that is done.

    At a terminal the user is asked whether another account may replace the stored one; if not, its tokens are revoked.
    """
    auth = session.auth
    with finished_first():
        grant = auth.redeem(pending, query)
        try:
            return grant, auth.keep(grant, replace_account=options.replace)
        except OtherAccount as error:
            other = error
    if session.terminal.can_ask:
        waiter.show(question(other, service_title=options.service.title))
        session.terminal.instruct(f"{other.difference}.")
        if session.terminal.confirm("Replace the stored account?"):
            return grant, auth.keep(grant, replace_account=True)
    auth.discard(grant)
    raise other


def _command_line(session: Session, options: LoginOptions) -> str:
    """Return the command that repeats this login."""
    command = login_command(
        options.service.name, user=options.user, tenant=options.tenant, profile=session.profile_to_name
    )
    words = [f"--tag={name}={value}" for name, value in options.tags.items()]
    words += [f"--scope={options.scope}"] * (options.scope is not None) + ["--no-browser"] * options.no_browser
    return " ".join([command, *map(shlex.quote, words)])


def _report(session: Session, identity: Identity) -> None:
    account = f" as {identity.account.label}" if identity.account else ""
    user = user_of_tenant(identity.user, identity.tenant)
    session.terminal.info(f"Logged in to {identity.service}{account}, stored for user {user}. {_expiry(identity)}")
    if session.terminal.as_json:
        session.terminal.json(as_json(identity))


def _expiry(identity: Identity) -> str:
    now = now_ms()
    refreshed = " and is refreshed automatically" if identity.refreshable else ""
    if identity.expires_at is None:
        if identity.refreshable:
            return "The lifetime of the access token is not known; it is refreshed automatically."
        return "The service states no expiry of the access token."
    if identity.expires_at <= now:
        return f"The access token has expired{refreshed}."
    return f"The access token expires {expiry(identity.expires_at, now=now)}{refreshed}."
