"""`everyauth open`: open the page where an app is registered, or the documentation."""

from __future__ import annotations

import shlex
import time
from typing import Annotated

import typer

from everyauth_cli.cli import app
from everyauth_cli.cli.app import command
from everyauth_cli.cli.login.browser import choose_browser, open_browser
from everyauth_cli.cli.login.surroundings import read_surroundings
from everyauth_cli.cli.options import ServiceArgument
from everyauth_cli.cli.session import Session
from everyauth_cli.errors import NotFound
from everyauth_cli.services import EXAMPLE
from everyauth_cli.services.console import console_url, documentation_url

FAILURE_SECONDS = 1.0
"""Seconds in which a browser that cannot be started is noticed."""


@command(app.app, "open", examples=[f"everyauth open {EXAMPLE}", f"everyauth open {EXAMPLE} --docs"])
def open_(
    session: Session,
    name: ServiceArgument,
    docs: Annotated[bool, typer.Option("--docs", help="Open the documentation instead.")] = False,
) -> None:
    """Open the page where you register an app.

    Its URL is printed as well. Where no browser can open, that is all.
    """
    service = session.auth.catalogue.get(name)
    url = documentation_url(service) if docs else console_url(service) or documentation_url(service)
    if not url:
        raise NotFound(f"no page of {service.name} is known", hint=f"everyauth service get {shlex.quote(service.name)}")
    opened = _open(session, url)
    if session.terminal.as_json:
        session.terminal.json({"id": service.name, "url": url, "opened": opened})
    else:
        session.terminal.data(url)


def _open(session: Session, url: str) -> bool:
    choice = choose_browser(read_surroundings())
    if choice.opener is None:
        session.terminal.instruct(f"{choice.reason} Open this page yourself:")
        return False
    failed: list[None] = []
    open_browser(choice.opener, url, on_failure=lambda: failed.append(None))
    end = time.monotonic() + FAILURE_SECONDS
    while time.monotonic() < end and not failed:
        time.sleep(0.02)
    if failed:
        session.terminal.warn("the browser could not be opened; open this page yourself:")
    return not failed
