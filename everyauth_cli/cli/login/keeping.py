"""The parts that all logins of the command line share: options, storing what was granted, and the report of it."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from everyauth_cli.cli.durations import expiry
from everyauth_cli.cli.interrupts import finished_first
from everyauth_cli.cli.session import Session
from everyauth_cli.errors import EveryAuthError, LoginFailed, OtherAccount
from everyauth_cli.flows.freshness import now_ms
from everyauth_cli.flows.hints import login_command, signing_call, user_of_tenant
from everyauth_cli.flows.identity_json import as_json
from everyauth_cli.model import DEFAULT_USER, Client, Identity, Service
from everyauth_cli.oauth.grant import GrantType

if TYPE_CHECKING:
    from everyauth_cli.flows.granted import Grant

USUAL_SECONDS = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenGrant:
    """A grant without a person, as the command line chose it: the `words` that choose it again, and what runs it.

    `run` takes the service's name, and the scope and the terms of `LoginOptions` as keywords.
    """

    grant_type: GrantType
    words: Sequence[str]
    run: Callable[..., Grant]


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginOptions:
    """The options of one login, with the service's catalogue entry and our client.

    `before` are the identities that were stored when the command began, where it has done something since; `more` are
    further words of its command line. Without a `grant` a person grants access: with a `device` code or without, where
    None leaves that to the surroundings. `seconds` is how long to wait, None as long as is usual.
    """

    service: Service
    client: Client
    user: str
    tenant: str
    tags: Mapping[str, str]
    scope: str | None
    seconds: float | None
    no_browser: bool
    replace: bool
    resource: str | None = None
    device: bool | None = None
    dpop: bool = False
    grant: ChosenGrant | None = None
    before: Sequence[Identity] | None = None
    more: Sequence[str] = ()

    @property
    def patience(self) -> float:
        """Return the seconds to wait for a browser, or for another login."""
        return USUAL_SECONDS if self.seconds is None else self.seconds

    @property
    def terms(self) -> dict[str, Any]:
        """Return the keywords that each kind of login takes, besides the service's name and the scope."""
        return {
            "user": self.user,
            "tenant": self.tenant,
            "tags": self.tags,
            "resource": self.resource or "",
            "dpop": self.dpop,
        }


def warn_of_missing_scopes(session: Session, grant: Grant, identity: Identity) -> None:
    """Warn of scopes that were requested and not granted."""
    if grant.missing_scopes:
        session.terminal.warn(
            f"{identity.service} granted fewer scopes than requested: {' '.join(grant.missing_scopes)} is missing; "
            f"it granted {identity.scope or 'none'}"
        )


def with_hint(error: EveryAuthError, command_line: str) -> EveryAuthError:
    """Return an error of the login with the command to type next, unless it has a hint already."""
    if isinstance(error, OtherAccount):
        advice = "use --user NAME to keep both accounts, or replace the stored one"
        return error.copy(hint=f"{advice}: {command_line} --replace")
    return error.copy(hint=command_line) if isinstance(error, LoginFailed) and error.hint is None else error


def keep(
    session: Session,
    options: LoginOptions,
    granted: Callable[[], Grant],
    *,
    on_other: Callable[[OtherAccount], None] = lambda _: None,
    on_interrupt: Callable[[], None] = lambda: None,
) -> tuple[Grant, Identity]:
    """Get a grant and store its token; an interrupt waits until that is done, unless `on_interrupt` ends it.

    At a terminal the user is asked whether another account may replace the stored one; if not, its tokens are revoked.
    `on_other` is called before.
    """
    auth = session.auth
    with finished_first(on_interrupt=on_interrupt):
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


def command_line_of(session: Session, options: LoginOptions) -> str:
    """Return the command that repeats this login."""
    command = login_command(
        options.service.name, user=options.user, tenant=options.tenant, profile=session.profile_to_name
    )
    words = [f"--tag={name}={value}" for name, value in options.tags.items()]
    words += [f"--scope={options.scope}"] * (options.scope is not None) + ["--no-browser"] * options.no_browser
    words += [f"--resource={options.resource}"] * (options.resource is not None)
    words += ["--device" if options.device else "--no-device"] * (options.device is not None)
    words += ["--dpop"] * options.dpop
    words += [*(options.grant.words if options.grant else ()), *options.more]
    return " ".join([command, *map(shlex.quote, words)])


def report(session: Session, options: LoginOptions, identity: Identity) -> None:
    """Say whose login is stored now, and what to type next."""
    account = f" as {identity.account.label}" if identity.account else ""
    user = user_of_tenant(identity.user, identity.tenant)
    session.terminal.done(f"Logged in to {options.service.title}{account} (user {user}).")
    if identity.expires_at is not None and not identity.refreshable:
        session.terminal.warn(f"{_expiry(identity.expires_at)}, and it cannot be refreshed: log in again then")
    session.terminal.event("done", identity=as_json(identity))
    if session.terminal.as_json:
        session.terminal.json(as_json(identity))
    elif identity.jkt:
        call = signing_call(identity.service, user=identity.user, tenant=identity.tenant)
        session.terminal.info(f"Its tokens are bound to a key that stays here (DPoP); requests are signed by {call}.")
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
