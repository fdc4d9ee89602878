"""`everyauth identity refresh`: what expires soon, refreshed."""

from __future__ import annotations

import functools
from typing import Annotated

import typer

from everyauth_cli.cli.app import command
from everyauth_cli.cli.batch import JobsOption, TimeoutOption, run_batch
from everyauth_cli.cli.commands.identity import group
from everyauth_cli.cli.durations import read_duration
from everyauth_cli.cli.options import ServiceOption
from everyauth_cli.cli.session import Session
from everyauth_cli.flows.batch import JOBS


@command(group, "refresh")
def refresh(
    session: Session,
    all_: Annotated[bool, typer.Option("--all", help="Refresh all, whenever they expire.")] = False,
    service: ServiceOption = None,
    expiring_within: Annotated[
        str, typer.Option("--expiring-within", metavar="DURATION", help="Refresh what expires that soon.")
    ] = "1h",
    jobs: JobsOption = JOBS,
    timeout: TimeoutOption = "5m",
) -> None:
    """Refresh what expires soon, for a timer; exit code 4 when any needs a login, 5 when a service failed."""
    within = None if all_ else int(read_duration(expiring_within) * 1000)
    refresh_all = functools.partial(session.auth.refresh_all, expiring_within=within)
    run_batch(session, service, refresh_all, jobs=jobs, timeout=timeout)
