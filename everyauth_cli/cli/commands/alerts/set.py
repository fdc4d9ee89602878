"""`everyauth alerts set`: the command or webhook that alerts go to."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated

import typer

from everyauth_cli.cli.app import command
from everyauth_cli.cli.commands.alerts import SET, group
from everyauth_cli.cli.session import Session
from everyauth_cli.errors import UsageProblem
from everyauth_cli.model import Secret
from everyauth_cli.settings import remember
from everyauth_cli.urls import check_url


@command(group, "set")
def set_(
    session: Session,
    command: Annotated[
        str | None,
        typer.Option("--command", metavar="CMD", help="Run this, with the event as JSON on its standard input."),
    ] = None,
    webhook: Annotated[
        str | None, typer.Option("--webhook", metavar="URL", help="Post the event as JSON there; - asks for the URL.")
    ] = None,
    arguments: Annotated[
        list[str] | None,
        typer.Argument(metavar="[ARG]...", help="Arguments of CMD; -- goes before them.", show_default=False),
    ] = None,
) -> None:
    """Choose the one command or webhook that alerts go to, and remember it."""
    if (command is None) == (webhook is None) or (webhook and arguments):
        raise UsageProblem("either a command, with its arguments, or a webhook is wanted", hint=SET)
    if command is not None:
        remember(session.settings, alert_command=[_program(command), *(arguments or [])], alert_webhook=None)
    else:
        url = session.terminal.ask_secret("webhook") if webhook == "-" else Secret(webhook or "")
        remember(session.settings, alert_command=None, alert_webhook=_checked(url).reveal())
    session.terminal.note("Alerts go there from now on. Try it: everyauth alerts test")


def _program(name: str) -> str:
    """Where a program lies, in full: a timer's PATH is not that of the shell it was set in."""
    found = shutil.which(name)
    if found is None:
        raise UsageProblem(
            f"there is no program {name!r} to run",
            hint="one program alone after --command, its arguments after --: --command logger -- -t everyauth",
        )
    return str(Path(found).absolute())


def _checked(url: Secret[str]) -> Secret[str]:
    try:
        check_url(url.reveal())
    except ValueError as error:
        raise UsageProblem(f"the webhook's URL cannot be used: {error}", hint=SET) from None
    return url
