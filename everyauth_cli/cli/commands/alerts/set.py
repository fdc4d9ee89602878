"""`everyauth alerts`: who is told when an identity is gone."""

from __future__ import annotations

import shlex
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer

from everyauth_cli.cli import app
from everyauth_cli.cli.app import Session, command
from everyauth_cli.errors import UsageProblem
from everyauth_cli.everyauth import now_ms
from everyauth_cli.flows.alerts import TEST, event, pending, receiver
from everyauth_cli.model import Account, EndedGrant, Identity, Secret
from everyauth_cli.services.entry import check_url
from everyauth_cli.settings import Settings, remember

SET = "everyauth alerts set --command CMD, or --webhook URL"

group = app.group("alerts", "Who is told when an identity is gone: a command or a webhook.")


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


@command(group, "status")
def status(session: Session) -> None:
    """Say where alerts go, and how many wait to be delivered."""
    settings = session.settings
    waiting = len(pending(session.auth.store, settings.profile))
    if session.terminal.as_json:
        webhook = _origin(settings.alert_webhook) if settings.alert_webhook else None
        said = {"command": list(settings.alert_command) or None, "webhook": webhook, "pending": waiting}
        session.terminal.json(said)
    else:
        session.terminal.data(f"alerts   {_target(settings)}")
        session.terminal.data(f"pending  {waiting}")


@command(group, "off")
def off(session: Session) -> None:
    """Send no more alerts; what is gone is still marked."""
    remember(session.settings, alert_command=None, alert_webhook=None)
    session.terminal.note("Alerts go nowhere from now on.")


@command(group, "test")
def test(session: Session) -> None:
    """Send an alert about a made-up identity, to see that it arrives."""
    deliver = receiver(session.settings, session.send)
    if deliver is None:
        raise UsageProblem("alerts go nowhere yet", hint=SET)
    deliver(event(TEST, _made_up(now_ms())))
    session.terminal.note(f"Delivered to the {_target(session.settings)}.")


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
        # Braces are an endpoint's placeholders; here nothing fills them in.
        check_url(url.reveal().replace("{", " "))
    except ValueError as error:
        raise UsageProblem(f"the webhook's URL cannot be used: {error}", hint=SET) from None
    return url


def _target(settings: Settings) -> str:
    if settings.alert_command:
        return f"command {shlex.join(settings.alert_command)}"
    return f"webhook at {_origin(settings.alert_webhook)}" if settings.alert_webhook else "go nowhere"


def _origin(url: Secret[str]) -> str:
    parts = urlsplit(url.reveal())
    return f"{parts.scheme}://{parts.netloc}"


def _made_up(now: int) -> Identity:
    identity = Identity(
        id="idn-0000000000000000",
        service="example",
        user="user-123",
        tenant="user-123",
        tags={},
        scope="read",
        account=Account(subject="1", label="someone@example.org"),
        created_at=now,
        granted_at=now,
        updated_at=now,
        expires_at=now,
        refreshable=True,
        client_id="",
        token_endpoint="",
    )
    return replace(identity, login_required=EndedGrant(since=now, reason="this is a test"))
