"""`everyauth identity check`: check that each service accepts its token."""

from __future__ import annotations

from everyauth_cli.cli.app import command
from everyauth_cli.cli.batch import JobsOption, TimeoutOption, run_batch
from everyauth_cli.cli.commands.identity import group
from everyauth_cli.cli.options import ServiceOption
from everyauth_cli.cli.session import Session
from everyauth_cli.flows.batch import JOBS
from everyauth_cli.services import EXAMPLE


@command(group, "check", examples=["everyauth identity check", f"everyauth identity check --service {EXAMPLE}"])
def check(
    session: Session,
    service: ServiceOption = None,
    jobs: JobsOption = JOBS,
    timeout: TimeoutOption = "5m",
) -> None:
    """Check that each service accepts its token.

    The exit code is 4 if an identity needs a login, 5 if a service failed.
    """
    run_batch(
        session, service, session.auth.checked, label="Checking", jobs=jobs, timeout=timeout, none="No identities."
    )
