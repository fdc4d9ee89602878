"""Shows an overview: the store, a line for each identity, and what needs attention with the command that mends it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from everyauth_cli.cli.alert_target import OFF, alert_target
from everyauth_cli.cli.durations import span
from everyauth_cli.cli.identity_state import needs_login, state
from everyauth_cli.cli.overview import Overview
from everyauth_cli.cli.session import Session
from everyauth_cli.cli.style import Mark, Style
from everyauth_cli.flows.batch import Outcome
from everyauth_cli.flows.hints import login_again, login_command, user_of_tenant
from everyauth_cli.model import DEFAULT_USER, Identity
from everyauth_cli.services import EXAMPLE
from everyauth_cli.store.identities import key_of

MOST = 30
"""Identities that are shown; `identity ls` shows all."""


def show_overview(session: Session, overview: Overview, outcomes: Mapping[str, Outcome]) -> None:
    """Print an overview: a line for each identity, with the command that mends it."""
    terminal = session.terminal
    others = f"; other profiles: {', '.join(overview.other_profiles)}" if overview.other_profiles else ""
    terminal.prose(f"{overview.secrets}, profile {overview.profile}{others}")
    terminal.data(f"store {overview.store}", style=Style.secondary)
    if overview.identities:
        terminal.data("")
        _show_identities(session, overview, outcomes)
    for paragraph, command in _paragraphs(session, overview):
        terminal.data("")
        terminal.prose(paragraph)
        if command:
            terminal.command(command)


def _show_identities(session: Session, overview: Overview, outcomes: Mapping[str, Outcome]) -> None:
    shown = sorted(overview.identities, key=lambda one: not needs_login(one, now=overview.now))[:MOST]
    states = [_state(one, outcomes.get(one.id), overview.now) for one in shown]
    rows = [[*_names(one), text] for one, (_, text) in zip(shown, states, strict=True)]
    session.terminal.marked(["service", "user", "account", "state"], rows, [mark for mark, _ in states])
    if len(overview.identities) > MOST:
        session.terminal.data(f"and {len(overview.identities) - MOST} more:")
        session.terminal.command(session.suggestion("everyauth identity ls"))
    for identity in shown:
        if needs_login(identity, now=overview.now):
            session.terminal.command(login_again(key_of(overview.profile, identity), identity.repeated))


def _names(identity: Identity) -> list[str]:
    account = identity.account.label if identity.account else ""
    return [identity.service, user_of_tenant(identity.user, identity.tenant, quotes=("", "")), account]


def _state(identity: Identity, outcome: Outcome | None, now: int) -> tuple[Mark, str]:
    if outcome is None or needs_login(identity, now=now):
        return state(identity, now=now)
    if outcome.error:
        return Mark.failed, outcome.error.message
    return Mark.done, outcome.state


def _paragraphs(session: Session, overview: Overview) -> Iterator[tuple[str, str]]:
    """Yield what else there is to say, each with the command to type next, if there is one."""
    if overview.unused:
        login = login_command(overview.unused[0], user=DEFAULT_USER, profile=session.profile_to_name)
        yield f"Set up, without a login: {', '.join(overview.unused)}", login
    if not overview.identities and not overview.unused:
        yield "Nothing is set up yet. To begin:", session.suggestion(f"everyauth init {EXAMPLE}")
    if overview.pending_alerts and alert_target(session.settings) != OFF:
        yield f"Alerts that are pending: {overview.pending_alerts} ({alert_target(session.settings)})", ""
    if overview.last_failure:
        failure = overview.last_failure
        user = user_of_tenant(failure.user, failure.tenant)
        reason = failure.message or failure.error or "failed"
        ago = span(overview.now - failure.time)
        yield f"Last failure: {failure.action} of {user} at {failure.service}, {ago} ago: {reason}", ""
