"""A login with a browser: a redirect to loopback (RFC 8252), or a pasted URL."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from everyauth_cli.cli.login.begun import BegunLogins
from everyauth_cli.cli.login.browser import BrowserChoice
from everyauth_cli.cli.login.keeping import (
    LoginOptions,
    command_line_of,
    keep,
    report,
    warn_of_missing_scopes,
    with_hint,
)
from everyauth_cli.cli.login.redirect import redirect_waiter, wait_for_response
from everyauth_cli.cli.login.result_page import failure, question, success
from everyauth_cli.cli.session import Session
from everyauth_cli.errors import EveryAuthError, LoginFailed, OtherAccount
from everyauth_cli.urls import has_placeholder

if TYPE_CHECKING:
    from everyauth_cli.redirect.waiter import RedirectWaiter


def log_in_by_redirect(session: Session, options: LoginOptions, browser: BrowserChoice) -> None:
    """Send the user to the service, and redeem the code that comes back."""
    auth, service = session.auth, options.service
    command_line = command_line_of(session, options)
    opens = browser.opener is not None
    with redirect_waiter(
        session.terminal, service, options.client, opens_browser=opens, seconds=options.patience
    ) as waiter:
        logins = _begun(session, options, redirect_uri=waiter.redirect_uri)
        waiter.expect(logins.owns, may_show=logins.has_issuer)
        with _failure_shown(session, options, waiter, command_line):
            query = wait_for_response(
                session.terminal,
                waiter,
                logins,
                service=service,
                browser=browser,
                command_line=command_line,
                may_use_code=options.device is None and service.device_authorization_endpoint is not None,
                seconds=options.patience,
            )
            grant, identity = keep(
                session,
                options,
                functools.partial(auth.redeem, logins.of(query), query),
                on_other=lambda error: waiter.show(question(error, service_title=service.title)),
            )
        waiter.show(success(identity, service_title=service.title, missing_scopes=grant.missing_scopes))
        # The end of the block may wait for a browser that comes for its page once more.
        report(session, options, identity)
        warn_of_missing_scopes(session, grant, identity)


def _begun(session: Session, options: LoginOptions, *, redirect_uri: str) -> BegunLogins:
    """Begin a login, whose code can be redeemed."""
    service, auth = options.service, session.auth
    begin = functools.partial(auth.begin, service.name, redirect_uri=redirect_uri, scope=options.scope, **options.terms)
    logins = BegunLogins(begin, service, authorization_url=auth.authorization_url, clock=auth.clock)
    # A fault is better known before the browser opens. Some services say only in the authorization response where the
    # code is redeemed.
    if not has_placeholder(service.token_endpoint):
        session.reach(service.token_endpoint)
    return logins


@contextmanager
def _failure_shown(
    session: Session, options: LoginOptions, waiter: RedirectWaiter, command_line: str
) -> Iterator[None]:
    """Show an error in the browser too, and complete its hint."""
    title = options.service.title
    try:
        yield
    except EveryAuthError as error:
        hinted = session.with_hint_completed(with_hint(error, command_line))
        again = f"{command_line} --replace" if isinstance(error, OtherAccount) else command_line
        waiter.show(failure(hinted, service_title=title, login_command=again))
        raise hinted from None
    except BaseException:
        # After an interrupt or an internal error too, the browser must not wait for its page.
        interrupted = LoginFailed("it was interrupted")
        waiter.show(failure(interrupted, service_title=title, login_command=command_line))
        raise
