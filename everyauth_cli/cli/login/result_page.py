"""What the browser is told of how a login ended."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

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
class End:
    """How a login fails, in words: `{service}` stands for the service, `way_out` leads to the command to type."""

    title: str
    text: str
    way_out: str = ""


ENDS: dict[type[EveryAuthError], End] = {
    LoginDenied: End(
        "Access denied",
        "You said no at {service}, or it has a rule that did. Nothing was kept.",
        "If that was not what you meant, log in again:",
    ),
    LoginTimedOut: End(
        "The login took too long",
        "What {service} answered came too late to be used, so nothing was kept.",
    ),
    OtherAccount: End(
        "Another account than before",
        "You are signed in at {service} with another account than the one held here. The old credential was kept.",
        "To use the old account, sign in with it at {service} and log in again; another --user NAME keeps both. "
        "To put the new one in its place:",
    ),
    StoreError: End(
        "Granted, but not kept",
        "{service} let everyauth in, but what it granted could not be stored, so there is no new credential.",
    ),
    ClientRejected: End(
        "{service} does not know this client",
        "It did not accept the client id and secret that everyauth holds, so nothing was kept.",
        "Set them anew, then log in again:",
    ),
    ServiceUnreachable: End(
        "{service} is not available",
        "It could not hand out a credential just now, so nothing was kept.",
    ),
    ServiceUnreadable: End(
        "{service} gave an answer that cannot be used",
        "It is not what it should be, or not meant for this login, so nothing was kept.",
    ),
    ServiceError: End(
        "{service} refused the login",
        "It did not hand out a credential, so nothing was kept.",
    ),
    EveryAuthError: End(
        "Not logged in",
        "What {service} answered could not be used, so nothing was kept.",
    ),
}


def success(identity: Identity, *, service_title: str, missing_scopes: Sequence[str] = ()) -> Result:
    """The credential is kept; `missing_scopes` were asked for and not granted."""
    account = f"You are {identity.account.label} there. " if identity.account else ""
    user = user_of_tenant(identity.user, identity.tenant, quotes=("“", "”"))
    less = f" Asked for and not granted: {' '.join(missing_scopes)}." if missing_scopes else ""
    return Result(
        good=True,
        title=f"Logged in to {service_title}",
        text=f"{account}The credential is kept here as {user}.{less}",
        next_step="You can close this window and go back to the terminal.",
    )


def question(error: OtherAccount, *, service_title: str) -> Result:
    """Another account than before came back, and the terminal asks whether that is meant."""
    end = ENDS[OtherAccount]
    return Result(
        good=False,
        title=end.title.format(service=service_title),
        text=f"You are signed in at {service_title} with another account than the one held here.",
        detail=f"In the terminal: {error.message}",
        next_step="The terminal asks whether the new one is to take its place: answer there.",
    )


def failure(error: EveryAuthError, *, service_title: str, login_command: str) -> Result:
    """There is no new credential: why, in plain words and in the terminal's, and what to type next."""
    end = next(ENDS[kind] for kind in type(error).__mro__ if kind in ENDS)
    words, first = _parts(error.hint or "")
    commands = list(dict.fromkeys(filter(None, [first, login_command])))
    return Result(
        good=False,
        title=end.title.format(service=service_title),
        text=end.text.format(service=service_title),
        detail=f"In the terminal: {error.message}",
        next_step=end.way_out.format(service=service_title) or _way_out(words, first=len(commands) > 1),
        command="\n".join(commands),
    )


def _parts(hint: str) -> tuple[str, str]:
    """A hint's words and the command that it is or ends in; one of them may be missing."""
    match = re.fullmatch(r"(?:(.*): )?(everyauth .*)", hint)
    return (match[1] or "", match[2]) if match else (hint, "")


def _way_out(words: str, *, first: bool) -> str:
    """What stands before the commands, `first` being whether there is one to type before the login's."""
    if not words:
        return "Do this first, then log in again:" if first else "To log in again:"
    said = words[0].upper() + words[1:]
    # Many a hint says by itself to try again, or to try again later.
    return f"{said}:" if said.endswith(("again", "later")) else f"{said}, then log in again:"
