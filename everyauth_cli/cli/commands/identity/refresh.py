"""`everyauth identity refresh`: refresh the tokens that expire soon."""

from __future__ import annotations

import functools
from typing import Annotated

import typer

from everyauth_cli.cli.app import command
from everyauth_cli.cli.batch import JobsOption, TimeoutOption, run_batch
from everyauth_cli.cli.commands.identity import group
from everyauth_cli.cli.durations import read_duration, span
from everyauth_cli.cli.options import ServiceOption
from everyauth_cli.cli.session import Session
from everyauth_cli.flows.batch import JOBS
from everyauth_cli.services import EXAMPLE


@command(
    group,
    "refresh",
    examples=[
        "everyauth identity refresh --expiring-within 2h",
        f"everyauth identity refresh --all --service {EXAMPLE}",
    ],
)
def refresh(
    session: Session,
    all_: Annotated[bool, typer.Option("--all", help="Refresh all tokens, whenever they expire.")] = False,
    service: ServiceOption = None,
    expiring_within: Annotated[
        str, typer.Option("--expiring-within", metavar="DURATION", help="Refresh tokens that expire within this time.")
    ] = "1h",
    jobs: JobsOption = JOBS,
    timeout: TimeoutOption = "5m",
) -> None:
    """Refresh the tokens that expire soon.

    For a timer, such as cron. The exit code is 4 if an identity needs a login, 5 if a service failed.
    """
    within = None if all_ else int(read_duration(expiring_within) * 1000)
    refreshed = functools.partial(session.auth.refreshed, expiring_within=within)
    none = "No identities." if all_ else f"No token expires within {span(within or 0)}."
    run_batch(session, service, refreshed, label="Refreshing", jobs=jobs, timeout=timeout, none=none, within=within)
