"""Runs one login: with a redirect to loopback (RFC 8252), a pasted URL, or without a browser for the client itself."""

from __future__ import annotations

import functools
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from everyauth_cli.cli.durations import expiry
from everyauth_cli.cli.interrupts import finished_first
from everyauth_cli.cli.login.browser import BrowserChoice, choose_browser
from everyauth_cli.cli.login.redirect import redirect_waiter, wait_for_response
from everyauth_cli.cli.login.result_page import failure, question, success
from everyauth_cli.cli.login.surroundings import read_surroundings
from everyauth_cli.cli.session import Session
from everyauth_cli.errors import EveryAuthError, LoginFailed, LoginTimedOut, OtherAccount, StoreBusy
from everyauth_cli.flows.freshness import now_ms
from everyauth_cli.flows.hints import login_command, user_of_tenant
from everyauth_cli.flows.identity_json import as_json
from everyauth_cli.model import DEFAULT_USER, Client, Identity, Service
from everyauth_cli.oauth.authorization_code import has_state_of
from everyauth_cli.oauth.token_endpoint import missing_scopes
from everyauth_cli.urls import has_placeholder

if TYPE_CHECKING:
    from everyauth_cli.flows.login import Grant
    from everyauth_cli.oauth.authorization_code import PendingLogin
    from everyauth_cli.redirect.waiter import RedirectWaiter


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginOptions:
    """The options of one login, with the service's catalogue entry and our client.

    `before` are the identities that were stored when the command began, where it has done something since; `more` are
    further words of its command line.
    """

    service: Service
    client: Client
    user: str
    tenant: str
    tags: Mapping[str, str]
    scope: str | None
    seconds: float
    no_browser: bool
    replace: bool
    client_credentials: bool = False
    before: Sequence[Identity] | None = None
    more: Sequence[str] = ()


def run_login(session: Session, options: LoginOptions) -> None:
    """Log a user in, or take the login that another command has just ended with. Raises `LoginFailed` and others."""
    session.auth.store.probe()
    # The stored credential is read when the login comes back: a failure is better known before the browser opens.
    session.auth.holds(options.service.name, user=options.user, tenant=options.tenant)
    with ExitStack() as locks:
        identity = _wait_for_other_login(session, options, locks)
        if identity is not None:
            _report(session, options, identity)
        elif options.client_credentials:
            _log_client_in(session, options)
        else:
            _log_in(session, options)


def _wait_for_other_login(session: Session, options: LoginOptions, locks: ExitStack) -> Identity | None:
    """Take the login lock; return the identity if another login has stored it while this one waited."""
    auth, name, user = session.auth, options.service.name, user_of_tenant(options.user, options.tenant)
    lock = functools.partial(auth.login_lock, name, user=options.user, tenant=options.tenant)
    before = options.before
    if before is None:
        before = auth.find(service=name, user=options.user, tenant=options.tenant)
    try:
        locks.enter_context(lock(timeout=0))
    except StoreBusy:
        session.terminal.info(f"Waiting for another login of user {user} at {name} to finish ...")
        session.terminal.event("waiting", **{"for": "login"}, seconds=options.seconds)
    else:
        return _new_identity(session, options, before) if options.before is not None else None
    try:
        locks.enter_context(lock(timeout=options.seconds))
    except StoreBusy:
        raise LoginTimedOut(
            f"another login of user {user} at {name} did not finish within {options.seconds:g} s",
            hint="finish it in its browser, or stop it with Ctrl-C",
        ) from None
    return _new_identity(session, options, before)


def _new_identity(session: Session, options: LoginOptions, before: Sequence[Identity]) -> Identity | None:
    """Return the identity that another login has stored since, if it is all that this one would have."""
    name = options.service.name
    after = session.auth.find(service=name, user=options.user, tenant=options.tenant, tags=options.tags)
    return after[0] if after and _is_enough(after[0], options, before) else None


def _is_enough(identity: Identity, options: LoginOptions, before: Sequence[Identity]) -> bool:
    """Whether another login, and not a mere refresh, has just stored an identity with all that this one would have."""
    is_same_kind = (identity.repeated is not None) == options.client_credentials
    is_new = identity.granted_at not in [old.granted_at for old in before]
    missing = missing_scopes(options.service, options.scope, identity.scope, refreshable=identity.refreshable)
    return is_new and is_same_kind and identity.login_required is None and not missing and not options.replace


def _log_in(session: Session, options: LoginOptions) -> None:
    auth, service = session.auth, options.service
    command_line = _command_line(session, options)
    browser = BrowserChoice() if options.no_browser else choose_browser(read_surroundings())
    opens = browser.opener is not None
    with redirect_waiter(
        session.terminal, service, options.client, opens_browser=opens, seconds=options.seconds
    ) as waiter:
        pending = _begun(session, options, redirect_uri=waiter.redirect_uri)
        waiter.expect(lambda query: has_state_of(pending, query))
        with _failure_shown(session, options, waiter, command_line):
            query = wait_for_response(
                session.terminal,
                waiter,
                auth.authorization_url(pending),
                service=service,
                browser=browser,
                command_line=command_line,
                seconds=options.seconds,
            )
            grant, identity = _keep(
                session,
                options,
                functools.partial(auth.redeem, pending, query),
                on_other=lambda error: waiter.show(question(error, service_title=service.title)),
            )
        waiter.show(success(identity, service_title=service.title, missing_scopes=grant.missing_scopes))
        # The end of the block may wait for a browser that comes for its page once more.
        _report(session, options, identity)
        _warn_of_missing_scopes(session, grant, identity)


def _begun(session: Session, options: LoginOptions, *, redirect_uri: str) -> PendingLogin:
    """Begin a login, whose code can be redeemed."""
    service = options.service
    pending = session.auth.begin(
        service.name,
        redirect_uri=redirect_uri,
        user=options.user,
        tenant=options.tenant,
        tags=options.tags,
        scope=options.scope,
    )
    # A fault is better known before the browser opens. Some services say only in the authorization response where the
    # code is redeemed.
    if not has_placeholder(service.token_endpoint):
        session.reach(service.token_endpoint)
    return pending


@contextmanager
def _failure_shown(
    session: Session, options: LoginOptions, waiter: RedirectWaiter, command_line: str
) -> Iterator[None]:
    """Show an error in the browser too, and complete its hint."""
    title = options.service.title
    try:
        yield
    except EveryAuthError as error:
        hinted = session.with_hint_completed(_with_hint(error, command_line))
        again = f"{command_line} --replace" if isinstance(error, OtherAccount) else command_line
        waiter.show(failure(hinted, service_title=title, login_command=again))
        raise hinted from None
    except BaseException:
        # After an interrupt or an internal error too, the browser must not wait for its page.
        interrupted = LoginFailed("it was interrupted")
        waiter.show(failure(interrupted, service_title=title, login_command=command_line))
        raise


def _log_client_in(session: Session, options: LoginOptions) -> None:
    """Get a token for the client itself (RFC 6749 section 4.4)."""
    granted = functools.partial(
        session.auth.client_credentials,
        options.service.name,
        user=options.user,
        tenant=options.tenant,
        tags=options.tags,
        scope=options.scope or "",
    )
    try:
        grant, identity = _keep(session, options, granted)
    except EveryAuthError as error:
        raise _with_hint(error, _command_line(session, options)) from None
    _report(session, options, identity)
    _warn_of_missing_scopes(session, grant, identity)


def _warn_of_missing_scopes(session: Session, grant: Grant, identity: Identity) -> None:
    if grant.missing_scopes:
        session.terminal.warn(
            f"{identity.service} granted fewer scopes than requested: {' '.join(grant.missing_scopes)} is missing; "
            f"it granted {identity.scope or 'none'}"
        )


def _with_hint(error: EveryAuthError, command_line: str) -> EveryAuthError:
    """Return an error of the login with the command to type next, unless it has a hint already."""
    if isinstance(error, OtherAccount):
        advice = "use --user NAME to keep both accounts, or replace the stored one"
        return error.copy(hint=f"{advice}: {command_line} --replace")
    return error.copy(hint=command_line) if isinstance(error, LoginFailed) and error.hint is None else error


def _keep(
    session: Session,
    options: LoginOptions,
    granted: Callable[[], Grant],
    *,
    on_other: Callable[[OtherAccount], None] = lambda _: None,
) -> tuple[Grant, Identity]:
    """Get a grant and store its token; an interrupt waits until that is done.

    At a terminal the user is asked whether another account may replace the stored one; if not, its tokens are revoked.
    `on_other` is called before.
    """
    auth = session.auth
    with finished_first():
        grant = granted()
        try:
            return grant, auth.keep(grant, replace_account=options.replace)
        except OtherAccount as error:
            other = error
    if session.terminal.can_ask:
        on_other(other)
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
    words += ["--client-credentials"] * options.client_credentials
    words += options.more
    return " ".join([command, *map(shlex.quote, words)])


def _report(session: Session, options: LoginOptions, identity: Identity) -> None:
    account = f" as {identity.account.label}" if identity.account else ""
    user = user_of_tenant(identity.user, identity.tenant)
    session.terminal.done(f"Logged in to {options.service.title}{account} (user {user}).")
    if identity.expires_at is not None and not identity.refreshable:
        session.terminal.warn(f"{_expiry(identity.expires_at)}, and it cannot be refreshed: log in again then")
    session.terminal.event("done", identity=as_json(identity))
    if session.terminal.as_json:
        session.terminal.json(as_json(identity))
    elif not session.terminal.quiet:
        session.terminal.suggest(_token_command(session, identity))


def _expiry(moment: int) -> str:
    now = now_ms()
    return "The access token has expired" if moment <= now else f"The access token expires {expiry(moment, now=now)}"


def _token_command(session: Session, identity: Identity) -> str:
    """Return the command that prints the token: by the user, or by the id where the tenant is another."""
    words = ["everyauth", "token", identity.service]
    if identity.tenant != identity.user:
        words.append(identity.id)
    elif identity.user != DEFAULT_USER:
        words.append(identity.user)
    return session.suggestion(shlex.join(words))
