"""Runs a batch over identities for `identity refresh` and `check`, and shows the outcomes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Annotated, Any

import typer

from everyauth_cli.cli.durations import expiry, read_duration
from everyauth_cli.cli.interrupts import finished_first
from everyauth_cli.cli.progress import progress
from everyauth_cli.cli.session import Session
from everyauth_cli.cli.style import Mark
from everyauth_cli.cli.suggestion import read_hint
from everyauth_cli.cli.terminal import Terminal
from everyauth_cli.errors import StoreError
from everyauth_cli.flows.batch import MOST_JOBS, HealthState, Outcome, Pacing
from everyauth_cli.flows.freshness import now_ms
from everyauth_cli.flows.hints import user_of_tenant
from everyauth_cli.flows.identity_json import as_json
from everyauth_cli.store.identities import find_due, identity_query, key_of, list_keys, services_with_identities

COLUMNS = ["service", "user", "state", "expires"]
UNUSUAL = (HealthState.NO_REFRESH_TOKEN, HealthState.NOT_CHECKABLE, HealthState.DELETED)
"""The states that no failure is behind, and that are good to know."""

JobsOption = Annotated[
    int,
    typer.Option("--jobs", min=1, max=MOST_JOBS, metavar="N", help="Parallel requests (at most 4 per service)."),
]
TimeoutOption = Annotated[
    str,
    typer.Option("--timeout", metavar="DURATION", help="Start no request after this time; let running ones finish."),
]


def run_batch(
    session: Session,
    service: str | None,
    call: Callable[..., Iterator[Outcome]],
    *,
    label: str,
    jobs: int,
    timeout: str,
    none: str,
    within: int | None = None,
) -> None:
    """Call `checked` or `refreshed`, show the outcomes as they come, and exit with the worst exit code.

    Ended grants are reported to where alerts go. The identities are all, or with `within` those that are due within so
    many milliseconds.
    """
    seconds = read_duration(timeout)
    name = session.auth.service_name(service) if service else ""
    interrupts: list[None] = []
    counted = _Counted()
    with finished_first(on_interrupt=lambda: interrupts.append(None)):
        pacing = Pacing(seconds=seconds, jobs=jobs, stopped=lambda: bool(interrupts))
        called = counted.each(call(service=name, pacing=pacing))
        outcomes = with_progress(session, called, label=label, service=name, within=within)
        if session.terminal.quiet:
            # A timer's mail is empty when all is well.
            outcomes = (outcome for outcome in outcomes if outcome.error)
        completed = (replace(one, error=one.error and session.with_hint_completed(one.error)) for one in outcomes)
        if session.terminal.as_json:
            session.terminal.items(map(_as_json, completed))
        elif session.terminal.is_table:
            _draw(session.terminal, sorted(completed, key=lambda one: key_of(session.settings.profile, one.identity)))
        else:
            session.terminal.rows([], map(_row, completed))
        session.terminal.info(counted.summary(interrupted=bool(interrupts)) or none)
        if counted.states[HealthState.NOT_CHECKABLE]:
            session.terminal.info("cannot be checked: no request that tests a token of this service is known")
    session.report(all_pending=True)
    raise typer.Exit(counted.exit_code)


class _Counted:
    """The number of outcomes of each state, and the worst exit code."""

    def __init__(self) -> None:
        self.states: Counter[HealthState] = Counter()
        self.exit_code = 0

    def each(self, outcomes: Iterator[Outcome]) -> Iterator[Outcome]:
        for outcome in outcomes:
            self.states[outcome.state] += 1
            self.exit_code = max(self.exit_code, outcome.exit_code)
            yield outcome

    def summary(self, *, interrupted: bool) -> str:
        total = self.states.total()
        noun = "identity" if total == 1 else "identities"
        words = [f"{self.states[state]} {state}" for state in HealthState if self.states[state]]
        words += ["interrupted before more were started"] if interrupted else []
        return f"{total} {noun}: {', '.join(words)}." if words else ""


def with_progress(
    session: Session, outcomes: Iterator[Outcome], *, label: str, service: str = "", within: int | None = None
) -> Iterator[Outcome]:
    """Show the progress until the last: a table is printed after that. `service` and `within` are as in `run_batch`."""
    with progress(session.terminal, label, lambda: _total(session, service, within)) as advance:
        for outcome in outcomes:
            advance()
            yield outcome


def _total(session: Session, service: str, within: int | None) -> int | None:
    """Return the number of identities of a batch; None where the store cannot count them."""
    store, profile = session.auth.store, session.settings.profile
    try:
        if within is None:
            return sum(1 for _ in list_keys(store, identity_query(profile, service)))
        names = [service] if service else services_with_identities(store, profile)
        return sum(1 for name in names for _ in find_due(store, profile, name, before=now_ms() + within + 1))
    except StoreError:
        return None


def _draw(terminal: Terminal, outcomes: Sequence[Outcome]) -> None:
    """Draw a table of the outcomes, and below it a paragraph for each error with the command that helps."""
    if outcomes:
        rows = [_row(outcome)[: len(COLUMNS)] for outcome in outcomes]
        words = [[service, user, state.replace("_", " "), expires] for service, user, state, expires in rows]
        terminal.marked(COLUMNS, words, [_mark(outcome) for outcome in outcomes])
    errors = Counter((each.error.message, each.error.hint or "") for each in outcomes if each.error)
    for (message, hint), count in errors.items():
        advice, command = read_hint(hint)
        terminal.data("")
        times = f" ({count} identities)" if count > 1 else ""
        terminal.verdict(Mark.failed, "; ".join(filter(None, (message, advice))) + times)
        if command:
            terminal.command(command)
    if outcomes:
        terminal.data("")


def _mark(outcome: Outcome) -> Mark:
    if outcome.error:
        return Mark.failed
    return Mark.attention if outcome.state in UNUSUAL else Mark.done


def _row(outcome: Outcome) -> list[str]:
    identity, error, now = outcome.identity, outcome.error, now_ms()
    hint = f"; try: {error.hint}" if error and error.hint else ""
    user = user_of_tenant(identity.user, identity.tenant, quotes=("", ""))
    problem = f"{error.message}{hint}" if error else ""
    return [identity.service, user, outcome.state, expiry(identity.expires_at, now=now), identity.id, problem]


def _as_json(outcome: Outcome) -> dict[str, Any]:
    error = outcome.error
    shown = {"code": error.code, "message": error.message, "hint": error.hint} if error else None
    return {**as_json(outcome.identity), "state": outcome.state, "error": shown}
