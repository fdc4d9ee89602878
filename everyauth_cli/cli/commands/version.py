"""`everyauth version`: show the version."""

from __future__ import annotations

import sys

from everyauth_cli._version import __version__
from everyauth_cli.cli import app
from everyauth_cli.cli.app import command
from everyauth_cli.cli.session import Session


@command(app.app, "version", examples=["everyauth version", "everyauth version -o json"])
def version(session: Session) -> None:
    """Show the version."""
    if session.terminal.as_json:
        python = ".".join(map(str, sys.version_info[:3]))
        session.terminal.json({"version": __version__, "python": python, "platform": sys.platform})
    else:
        session.terminal.data(f"everyauth {__version__}")
