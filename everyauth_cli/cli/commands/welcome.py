"""`everyauth` alone: show how to begin, or the overview once something is set up."""

from __future__ import annotations

import typer

from everyauth_cli.cli import app
from everyauth_cli.cli.app import command
from everyauth_cli.cli.overview import Overview, read_overview
from everyauth_cli.cli.overview_screen import show_overview
from everyauth_cli.cli.session import Session
from everyauth_cli.cli.tree import WELCOME
from everyauth_cli.errors import EveryAuthError
from everyauth_cli.services import EXAMPLE

STEPS = [
    ("Try it, no account needed", "everyauth demo"),
    ("Set up a service", f"everyauth init {EXAMPLE}"),
    ("Log in", f"everyauth login {EXAMPLE}"),
    ("Use the token", f"everyauth token {EXAMPLE}"),
]


@command(app.app, WELCOME, examples=["everyauth"], hidden=True)
def welcome(session: Session, context: typer.Context) -> None:
    """Show how to begin, or the overview."""
    overview = _overview(session)
    if session.terminal.as_json:
        steps = [{"about": about, "command": line} for about, line in STEPS]
        session.terminal.json({"begin": steps} if overview is None else overview.as_json())
    elif overview is None:
        _show_steps(session)
        session.terminal.page(f"\n{context.find_root().get_help()}")
    else:
        show_overview(session, overview, {})


def _overview(session: Session) -> Overview | None:
    """Return the overview; None where nothing is set up, or no store can be read yet."""
    try:
        overview = read_overview(session)
    except EveryAuthError:
        return None
    return overview if overview.identities or overview.unused or overview.other_profiles else None


def _show_steps(session: Session) -> None:
    width = max(len(about) for about, _ in STEPS) + 4
    for about, line in STEPS:
        session.terminal.command(line, about=f"{about:<{width}}")
