"""`everyauth sandbox`: an authorization server on loopback to try things against."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from everyauth_cli.cli import app
from everyauth_cli.cli.app import Session, command
from everyauth_cli.cli.words import read_duration


@command(app.app, "sandbox")
def sandbox(
    session: Session,
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="The port; 0 takes a free one.")] = 0,
    token_life: Annotated[
        str, typer.Option("--token-life", metavar="DURATION", help="How long its access tokens live.")
    ] = "1h",
) -> None:
    """Run a small strict authorization server on loopback; stdout is the catalogue entry that points there."""
    from everyauth_cli.sandbox.dialects import DIALECTS
    from everyauth_cli.sandbox.server import Sandbox

    dialect = next(iter(DIALECTS.values()))
    log = session.terminal.note if session.verbose else lambda _: None
    server = Sandbox(dialect, port=port, token_life=int(read_duration(token_life)), log=log)
    path = session.auth.catalogue.own_path(dialect.name)
    for key, value in server.override().items():
        session.terminal.data(f"{key} = {json.dumps(value)}")
    session.terminal.stdout.flush()
    session.terminal.note(f"A sandbox of {dialect.title} is at {server.base_url}; Ctrl-C ends it.")
    session.terminal.note(f"The lines on stdout, in {path}, lead everyauth to it.")
    session.terminal.note(
        f"Its client: everyauth service set {dialect.name} --client-id {server.client_id} "
        f"--client-secret {server.client_secret}"
    )
    server.serve_forever()
