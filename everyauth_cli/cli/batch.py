"""Runs a batch over identities for `identity refresh` and `check`, and shows the outcomes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Annotated, Any

import typer

from everyauth_cli.cli.durations import expiry, read_duration
from everyauth_cli.cli.interrupts import finished_first
from everyauth_cli.cli.session import Session
from everyauth_cli.flows.batch import MOST_JOBS, HealthState, Outcome, Pacing
from everyauth_cli.flows.freshness import now_ms
from everyauth_cli.flows.hints import user_of_tenant
from everyauth_cli.flows.identity_json import as_json
from everyauth_cli.model import Identity

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
    session: Session, service: str | None, call: Callable[..., list[Outcome]], *, jobs: int, timeout: str
) -> None:
    """Call `check_all` or `refresh_all` with each identity, show the outcomes, and exit with the worst exit code.

    Ended grants are reported to where alerts go.
    """
    seconds = read_duration(timeout)
    identities = session.auth.find(service=session.auth.service_name(service) if service else "")
    interrupts: list[None] = []
    with finished_first(on_interrupt=lambda: interrupts.append(None)):
        outcomes = outcomes_of(
            session, identities, call, pacing=Pacing(seconds=seconds, jobs=jobs, stopped=lambda: bool(interrupts))
        )
        _show(session, outcomes, left=len(identities) - len(outcomes))
    session.report(all_pending=True)
    raise typer.Exit(max((outcome.exit_code for outcome in outcomes), default=0))


def outcomes_of(
    session: Session, identities: Sequence[Identity], call: Callable[..., list[Outcome]], *, pacing: Pacing
) -> list[Outcome]:
    """Call `check_all` or `refresh_all` with progress on the terminal, and return the sorted outcomes."""
    with session.terminal.progress("identities", len(identities)) as advance:
        return sorted(call(identities, pacing=replace(pacing, on_outcome=lambda _: advance())), key=_order)


def _order(outcome: Outcome) -> tuple[str, str, str]:
    return outcome.identity.service, outcome.identity.tenant, outcome.identity.user


def _show(session: Session, outcomes: Sequence[Outcome], *, left: int) -> None:
    now = now_ms()
    session.terminal.list(COLUMNS, [_row(outcome, now) for outcome in outcomes], [_as_json(one) for one in outcomes])
    counts = Counter(outcome.state for outcome in outcomes)
    words = [f"{counts[state]} {state}" for state in HealthState if counts[state]]
    words += [f"{left} not started"] if left else []
    total = len(outcomes) + left
    noun = "identity" if total == 1 else "identities"
    session.terminal.info(f"{total} {noun}: {', '.join(words)}." if words else "No identities.")
    if counts[HealthState.NOT_CHECKABLE]:
        session.terminal.info("cannot be checked: no request that tests a token of this service is known")


def _row(outcome: Outcome, now: int) -> list[str]:
    identity, error = outcome.identity, outcome.error
    hint = f"; try: {error.hint}" if error and error.hint else ""
    user = user_of_tenant(identity.user, identity.tenant, quotes=("", ""))
    problem = f"{error.message}{hint}" if error else ""
    return [identity.service, user, outcome.state, expiry(identity.expires_at, now=now), identity.id, problem]


def _as_json(outcome: Outcome) -> dict[str, Any]:
    error = outcome.error
    shown = {"code": error.code, "message": error.message, "hint": error.hint} if error else None
    return {**as_json(outcome.identity), "state": outcome.state, "error": shown}
