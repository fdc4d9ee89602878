"""Runs a batch over identities for `identity refresh` and `check`, and shows the outcomes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Annotated, Any

import typer

from everyauth_cli.cli.durations import expiry, read_duration
from everyauth_cli.cli.interrupts import finished_first
from everyauth_cli.cli.session import Session
from everyauth_cli.cli.terminal import Terminal
from everyauth_cli.flows.batch import MOST_JOBS, HealthState, Outcome, Pacing
from everyauth_cli.flows.freshness import now_ms
from everyauth_cli.flows.hints import user_of_tenant
from everyauth_cli.flows.identity_json import as_json

COLUMNS = ["service", "user", "state", "expires", "id", "problem"]

JobsOption = Annotated[
    int,
    typer.Option("--jobs", min=1, max=MOST_JOBS, metavar="N", help="Parallel requests (at most 4 per service)."),
]
TimeoutOption = Annotated[
    str,
    typer.Option("--timeout", metavar="DURATION", help="Start no request after this time; let running ones finish."),
]


def run_batch(
    session: Session, service: str | None, call: Callable[..., Iterator[Outcome]], *, jobs: int, timeout: str, none: str
) -> None:
    """Call `checked` or `refreshed`, show the outcomes as they come, and exit with the worst exit code.

    Ended grants are reported to where alerts go.
    """
    seconds = read_duration(timeout)
    name = session.auth.service_name(service) if service else ""
    interrupts: list[None] = []
    counted = _Counted()
    with finished_first(on_interrupt=lambda: interrupts.append(None)):
        pacing = Pacing(seconds=seconds, jobs=jobs, stopped=lambda: bool(interrupts))
        outcomes = with_progress(session.terminal, counted.each(call(service=name, pacing=pacing)))
        if session.terminal.quiet:
            # A timer's mail is empty when all is well.
            outcomes = (outcome for outcome in outcomes if outcome.error)
        completed = (replace(one, error=one.error and session.with_hint_completed(one.error)) for one in outcomes)
        if session.terminal.as_json:
            session.terminal.items(map(_as_json, completed))
        else:
            session.terminal.rows(COLUMNS, map(_row, completed))
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


def with_progress(terminal: Terminal, outcomes: Iterator[Outcome]) -> Iterator[Outcome]:
    """Show the progress until the last: a table is printed after that."""
    with terminal.progress("identities") as advance:
        for outcome in outcomes:
            advance()
            yield outcome


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
