"""A login with a code that the user enters on any device, while this machine waits for it (RFC 8628)."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

from everyauth_cli.cli.login.code_screen import CodeScreen
from everyauth_cli.cli.login.hidden_input import HiddenInput, reading_hidden
from everyauth_cli.cli.login.keeping import (
    LoginOptions,
    command_line_of,
    keep,
    report,
    warn_of_missing_scopes,
    with_hint,
)
from everyauth_cli.cli.login.paste import can_paste
from everyauth_cli.cli.session import Session
from everyauth_cli.cli.terminal import Terminal
from everyauth_cli.errors import ClientRejected, EveryAuthError, LoginTimedOut, ServiceError
from everyauth_cli.flows.freshness import now_ms
from everyauth_cli.model import Identity
from everyauth_cli.redirect.waiter import POLL_SECONDS

if TYPE_CHECKING:
    from everyauth_cli.flows.granted import Grant
    from everyauth_cli.oauth.device_authorization import DeviceAuthorization, PendingDevice

GRANT_REFUSED = ("unauthorized_client", "unsupported_grant_type", "invalid_client")
NOT_FOUND = 404


def begin_by_device(session: Session, options: LoginOptions) -> PendingDevice:
    """Get a code for the user. Raises what `EveryAuth.begin_device` does."""
    return session.auth.begin_device(options.service.name, scope=options.scope, **options.terms)


def has_no_codes(error: EveryAuthError) -> bool:
    """Return whether a service refuses codes to this client, or has none: a login by another method may work."""
    is_refusal = isinstance(error, ServiceError) and (error.error in GRANT_REFUSED or error.status == NOT_FOUND)
    return is_refusal or isinstance(error, ClientRejected)


def log_in_by_device(session: Session, options: LoginOptions, pending: PendingDevice, *, reason: str) -> None:
    """Show the code, wait until the user has entered it, and store what is granted.

    `reason` is the beginning of a sentence that says why a code is used, where no option demands one. At a terminal the
    user may have another code when one expires, unless the command line bounds the time.
    """
    command_line = command_line_of(session, options)
    while True:
        try:
            grant, identity = _kept(session, options, pending, reason=reason)
            break
        except EveryAuthError as error:
            if not _wants_another(session, options, error):
                raise with_hint(error, command_line) from None
        pending, reason = begin_by_device(session, options), ""
    report(session, options, identity)
    warn_of_missing_scopes(session, grant, identity)


def _wants_another(session: Session, options: LoginOptions, error: EveryAuthError) -> bool:
    """Ask whether the user wants another code, which no device should get by itself (RFC 8628 section 3.1)."""
    is_over = isinstance(error, LoginTimedOut) and options.seconds is None
    return is_over and session.terminal.can_ask and session.terminal.confirm("The code has expired. Get another?")


def _kept(session: Session, options: LoginOptions, pending: PendingDevice, *, reason: str) -> tuple[Grant, Identity]:
    wait = InterruptibleWait()

    def granted() -> Grant:
        screen = CodeScreen(session.terminal, pending.authorization, seconds=options.seconds)
        with _replying(session.terminal, screen):
            screen.begin(reason=reason)
            _report_code(session.terminal, pending.authorization, seconds=options.seconds)
            return session.auth.redeem_device(pending, timeout=options.seconds, wait=wait)

    return keep(session, options, granted, on_interrupt=wait.interrupt)


def _report_code(terminal: Terminal, codes: DeviceAuthorization, *, seconds: float | None) -> None:
    """Report the code to a program that drives the login."""
    terminal.event(
        "code",
        userCode=codes.user_code,
        verificationUri=codes.verification_uri,
        verificationUriComplete=codes.verification_uri_complete,
        expiresAt=codes.expires_at,
    )
    left = (codes.expires_at - now_ms()) / 1000
    terminal.event("waiting", **{"for": "code"}, seconds=left if seconds is None else seconds)


def _replying(terminal: Terminal, screen: CodeScreen) -> AbstractContextManager[None]:
    """Reply to Enter during the block; what is typed is not shown, and does not answer a question that comes later."""

    def read(hidden: HiddenInput) -> None:
        while not hidden.closed:
            if hidden.lines(POLL_SECONDS):
                screen.remind()

    return reading_hidden(terminal.stdin, read) if can_paste(terminal) else nullcontext()


class InterruptibleWait:
    """Waits between two requests for the token; an interrupt ends it, and lets a request finish that is under way."""

    def __init__(self) -> None:
        self._interrupted = False

    def __call__(self, seconds: float) -> None:
        # What is left of the time is asked for again, so that an interrupt is noticed soon.
        time.sleep(min(seconds, POLL_SECONDS))
        if self._interrupted:
            raise KeyboardInterrupt

    def interrupt(self) -> None:
        """Take a signal."""
        self._interrupted = True
