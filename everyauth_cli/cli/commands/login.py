"""`everyauth login`: the authorization code flow with a redirect to loopback (RFC 8252)."""

from __future__ import annotations

from typing import Annotated

import typer

from everyauth_cli.cli import app
from everyauth_cli.cli.app import command
from everyauth_cli.cli.durations import read_duration, read_pairs
from everyauth_cli.cli.login.at_sandbox import at_sandbox, at_service
from everyauth_cli.cli.login.run import LoginOptions, run_login
from everyauth_cli.cli.options import ServiceArgument, users
from everyauth_cli.cli.session import Session
from everyauth_cli.model import DEFAULT_USER
from everyauth_cli.services import EXAMPLE


@command(
    app.app,
    "login",
    examples=[
        f"everyauth login {EXAMPLE}",
        f"everyauth login {EXAMPLE} --user user-123 --no-browser",
        f"everyauth login {EXAMPLE} --sandbox",
    ],
)
def login(
    session: Session,
    service: ServiceArgument,
    user: Annotated[
        str,
        typer.Option(
            "--user", metavar="USER", autocompletion=users, help="The user to store the login for, by a name of yours."
        ),
    ] = DEFAULT_USER,
    tenant: Annotated[
        str | None, typer.Option("-t", "--tenant", metavar="TENANT", help="The user's tenant.", show_default="the user")
    ] = None,
    tag: Annotated[
        list[str] | None, typer.Option("--tag", metavar="KEY=VALUE", help="A tag to find it by; may be repeated.")
    ] = None,
    scope: Annotated[
        str | None,
        typer.Option("--scope", metavar="SCOPES", help="The scopes to request this time.", show_default="as set"),
    ] = None,
    timeout: Annotated[
        str, typer.Option("--timeout", metavar="DURATION", help="Maximum time to wait for the browser.")
    ] = "300s",
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Print the URL instead of opening a browser.")
    ] = False,
    replace: Annotated[bool, typer.Option("--replace", help="Replace the stored account.")] = False,
    sandbox: Annotated[
        bool,
        typer.Option("--sandbox", help="Log in at the sandbox, with nothing registered; stored in profile sandbox."),
    ] = False,
) -> None:
    """Log in to a service with your browser.

    The access token and the refresh token are stored, and refreshed when needed.
    """
    tags, seconds = read_pairs(tag or [], "--tag"), read_duration(timeout)
    with at_sandbox(session, service) if sandbox else at_service(session) as active:
        entry = active.auth.clients.filled(service)
        options = LoginOptions(
            service=entry,
            client=active.auth.clients.get(entry),
            user=user,
            tenant=tenant or user,
            tags=tags,
            scope=scope,
            seconds=seconds,
            no_browser=no_browser,
            replace=replace,
        )
        run_login(active, options)
