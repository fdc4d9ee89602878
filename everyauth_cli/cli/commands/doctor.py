"""`everyauth doctor`: find out what is wrong."""

from __future__ import annotations

from typing import Annotated

import typer

from everyauth_cli.cli import app
from everyauth_cli.cli.app import command
from everyauth_cli.cli.session import Session

UrlArgument = Annotated[
    str | None, typer.Argument(metavar="URL", help="A server, whose discovery is run instead.", show_default=False)
]


@command(
    app.app,
    "doctor",
    examples=["everyauth doctor", "everyauth doctor https://mcp.example.com/mcp", "everyauth doctor -o json"],
)
def doctor(session: Session, url: UrlArgument = None) -> None:
    """Find out what is wrong.

    It looks at the store, the clock, redirect ports, the browser, proxies and certificates, and at each service and
    identity. With a URL it finds out how a login there would go, and which rules the server breaks; it registers and
    stores nothing. The exit code is 0, or the highest of what it found: 2 for settings, 4 for a login that is needed, 5
    for a service, 6 for the store.
    """
    # It imports what sends requests, which the help of all commands does without.
    from everyauth_cli.cli.doctor.report import report

    raise typer.Exit(report(session, url))
