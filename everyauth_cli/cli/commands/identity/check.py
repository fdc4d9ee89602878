"""`everyauth identity check`: whether each service takes its token."""

from __future__ import annotations

from everyauth_cli.cli.app import command
from everyauth_cli.cli.batch import JobsOption, TimeoutOption, run_batch
from everyauth_cli.cli.commands.identity import group
from everyauth_cli.cli.options import ServiceOption
from everyauth_cli.cli.session import Session
from everyauth_cli.flows.batch import JOBS


@command(group, "check")
def check(
    session: Session,
    service: ServiceOption = None,
    jobs: JobsOption = JOBS,
    timeout: TimeoutOption = "5m",
) -> None:
    """Ask each service whether it takes the token; exit code 4 when any needs a login, 5 when a service failed."""
    run_batch(session, service, session.auth.check_all, jobs=jobs, timeout=timeout)
