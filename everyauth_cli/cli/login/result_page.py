"""The result page of a login in plain words, with the command to type next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from everyauth_cli.cli.suggestion import read_hint
from everyauth_cli.errors import (
    ClientRejected,
    EveryAuthError,
    LoginDenied,
    LoginTimedOut,
    OtherAccount,
    ServiceError,
    ServiceUnreachable,
    ServiceUnreadable,
    StoreError,
)
from everyauth_cli.flows.hints import user_of_tenant
from everyauth_cli.model import Identity
from everyauth_cli.pages.result import Result


@dataclass(frozen=True, slots=True)
class FailureText:
    """The words for one kind of failure: `{service}` is the service's title, `next_step` leads to the command."""

    title: str
    text: str
    next_step: str = ""


FAILURE_TEXTS: dict[type[EveryAuthError], FailureText] = {
    LoginDenied: FailureText(
        "Access denied",
        "You denied access at {service}, or a rule there did. Nothing was stored.",
        "If you did not mean to, log in again:",
    ),
    LoginTimedOut: FailureText(
        "The login took too long",
        "The response of {service} came too late to be used, so nothing was stored.",
    ),
    OtherAccount: FailureText(
        "Another account than before",
        "You are signed in to {service} with another account than the stored one. The old credential was kept.",
        "To use the old account, sign in with it at {service} and log in again; use --user NAME to keep both. "
        "To replace the stored account:",
    ),
    StoreError: FailureText(
        "Granted, but not stored",
        "{service} granted access, but the token could not be stored, so there is no new credential.",
    ),
    ClientRejected: FailureText(
        "{service} does not know this client",
        "It rejected the client id or the client secret that everyauth sent, or the way in which they were sent, so "
        "nothing was stored.",
    ),
    ServiceUnreachable: FailureText(
        "{service} is not available",
        "It could not issue a token just now, so nothing was stored.",
    ),
    ServiceUnreadable: FailureText(
        "{service} sent a response that cannot be used",
        "It is not valid, or not meant for this login, so nothing was stored.",
    ),
    ServiceError: FailureText(
        "{service} refused the login",
        "It did not issue a token, so nothing was stored.",
    ),
    EveryAuthError: FailureText(
        "Not logged in",
        "The response of {service} could not be used, so nothing was stored.",
    ),
}


def success(identity: Identity, *, service_title: str, missing_scopes: Sequence[str] = ()) -> Result:
    """Return the page of a stored login; `missing_scopes` were requested and not granted."""
    account = f"You are signed in there as {identity.account.label}. " if identity.account else ""
    user = user_of_tenant(identity.user, identity.tenant, quotes=("“", "”"))
    missing = f" Requested but not granted: {' '.join(missing_scopes)}." if missing_scopes else ""
    return Result(
        good=True,
        title=f"Logged in to {service_title}",
        text=f"{account}The credential is stored here for user {user}.{missing}",
        next_step="You can close this window and go back to the terminal.",
    )


def question(error: OtherAccount, *, service_title: str) -> Result:
    """Return the page of a login with another account, which the terminal asks the user about."""
    return Result(
        good=False,
        title=FAILURE_TEXTS[OtherAccount].title,
        text=f"You are signed in to {service_title} with another account than the stored one.",
        detail=f"In the terminal: {error.message}",
        next_step="The terminal asks whether to replace the stored account: answer there.",
    )


def failure(error: EveryAuthError, *, service_title: str, login_command: str) -> Result:
    """Return the page of a failed login: the reason in plain words and as in the terminal, and the commands to type."""
    words = next(FAILURE_TEXTS[kind] for kind in type(error).__mro__ if kind in FAILURE_TEXTS)
    advice, first_command = read_hint(error.hint or "")
    commands = list(dict.fromkeys(filter(None, [first_command, login_command])))
    return Result(
        good=False,
        title=words.title.format(service=service_title),
        text=words.text.format(service=service_title),
        detail=f"In the terminal: {error.message}",
        next_step=words.next_step.format(service=service_title) or _next_step(advice, several=len(commands) > 1),
        command="\n".join(commands),
    )


def _next_step(advice: str, *, several: bool) -> str:
    """Return the line before the commands; with `several`, another command comes before the login."""
    if not advice:
        return "Do this first, then log in again:" if several else "To log in again:"
    sentence = advice[0].upper() + advice[1:]
    # Several hints end in "try again" or "try again later".
    return f"{sentence}:" if sentence.endswith(("again", "later")) else f"{sentence}, then log in again:"
