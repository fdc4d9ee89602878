"""`everyauth alerts set`: set the command or webhook for alerts."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from everyauth_cli.cli.alert_target import target_json
from everyauth_cli.cli.app import command
from everyauth_cli.cli.commands.alerts import SET, group
from everyauth_cli.cli.session import Session
from everyauth_cli.errors import UsageProblem
from everyauth_cli.model import Secret
from everyauth_cli.settings import remember
from everyauth_cli.urls import check_url


@command(
    group,
    "set",
    examples=["everyauth alerts set --command logger -- -t everyauth", "everyauth alerts set --webhook -"],
)
def set_(
    session: Session,
    command: Annotated[
        str | None,
        typer.Option(
            "--command", metavar="CMD", help="Run this program, with the event as JSON on its standard input."
        ),
    ] = None,
    webhook: Annotated[
        str | None, typer.Option("--webhook", metavar="URL", help="Post the event as JSON to this URL; - asks for it.")
    ] = None,
    arguments: Annotated[
        list[str] | None,
        typer.Argument(metavar="ARG", help="Arguments of CMD, after --.", show_default=False),
    ] = None,
) -> None:
    """Set the command or webhook for alerts.

    It replaces the one that was set before.
    """
    if (command is None) == (webhook is None) or (webhook and arguments):
        raise UsageProblem("give either --command, with its arguments, or --webhook", hint=SET)
    if command is not None:
        argv = [_program(command), *(arguments or [])]
        remember(session.settings, alert_command=argv, alert_webhook=None)
        saved = replace(session.settings, alert_command=tuple(argv), alert_webhook=None)
    else:
        url = _checked(session.terminal.ask_secret("webhook") if webhook == "-" else Secret(webhook or ""))
        remember(session.settings, alert_command=None, alert_webhook=url.reveal())
        saved = replace(session.settings, alert_command=(), alert_webhook=url)
    if session.terminal.as_json:
        session.terminal.json(target_json(saved))
    session.terminal.advise("Saved. To try it", "everyauth alerts test")


def _program(name: str) -> str:
    """Return the full path of a program: a timer may have another PATH than this shell."""
    found = shutil.which(name)
    if found is None:
        raise UsageProblem(
            f"no program {name!r} was found",
            hint="give the program after --command, its arguments after --: --command logger -- -t everyauth",
        )
    return str(Path(found).absolute())


def _checked(url: Secret[str]) -> Secret[str]:
    try:
        check_url(url.reveal())
    except ValueError as error:
        raise UsageProblem(f"the webhook's URL cannot be used: {error}", hint=SET) from None
    return url
