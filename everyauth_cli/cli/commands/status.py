"""`everyauth status`: show logins, clients and the store."""

from __future__ import annotations

from typing import Annotated

import typer

from everyauth_cli.cli import app
from everyauth_cli.cli.app import command
from everyauth_cli.cli.batch import with_progress
from everyauth_cli.cli.overview import read_overview
from everyauth_cli.cli.overview_screen import show_overview
from everyauth_cli.cli.session import Session
from everyauth_cli.errors import LoginRequired
from everyauth_cli.flows.batch import Outcome


@command(app.app, "status", examples=["everyauth status", "everyauth status --check", "everyauth status -o json"])
def status(
    session: Session,
    check: Annotated[bool, typer.Option("--check", help="Ask each service whether it accepts its token.")] = False,
) -> None:
    """Show logins, clients and the store.

    The exit code is 4 if an identity needs a login; with --check it is 5 if a service failed.
    """
    outcomes = _checked(session) if check else {}
    overview = read_overview(session)
    if session.terminal.as_json:
        errors = {name: one.error.code for name, one in outcomes.items() if one.error}
        session.terminal.json({**overview.as_json(), **({"failedChecks": errors} if check else {})})
    else:
        show_overview(session, overview, outcomes)
    session.report(all_pending=True)
    missing = LoginRequired.exit_code if overview.login_needed else 0
    raise typer.Exit(max([missing, *(one.exit_code for one in outcomes.values())]))


def _checked(session: Session) -> dict[str, Outcome]:
    return {one.identity.id: one for one in with_progress(session, session.auth.checked(), label="Checking")}
