"""`everyauth sandbox`: an authorization server on loopback to try things against."""

from __future__ import annotations

import json
import shlex
from typing import Annotated

import typer

from everyauth_cli.cli import app
from everyauth_cli.cli.app import command
from everyauth_cli.cli.completers import service_names
from everyauth_cli.cli.durations import read_duration
from everyauth_cli.cli.session import Session
from everyauth_cli.model import Service
from everyauth_cli.sandbox.detection import DEFAULT_SANDBOX_PORT
from everyauth_cli.sandbox.faults import DESCRIPTIONS, Fault
from everyauth_cli.services.at_sandbox import sandbox_params
from everyauth_cli.services.catalogue import EXAMPLE

FAULTS = "Make every refresh fail: " + "; ".join(f"{fault}: {text}" for fault, text in DESCRIPTIONS.items()) + "."


@command(app.app, "sandbox")
def sandbox(
    session: Session,
    like: Annotated[
        str,
        typer.Option(
            "--like", metavar="SERVICE", autocompletion=service_names, help="Whose catalogue entry stdout shows."
        ),
    ] = EXAMPLE,
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="The port; 0 takes a free one.")
    ] = DEFAULT_SANDBOX_PORT,
    token_lifetime: Annotated[
        str | None,
        typer.Option(
            "--token-lifetime",
            metavar="DURATION",
            help="How long its access tokens live, where they expire.",
            show_default="as documented",
        ),
    ] = None,
    redirect_uri: Annotated[
        str | None,
        typer.Option(
            "--redirect-uri",
            metavar="URI",
            help="What is registered, such as your web app's; else what `everyauth login` has.",
        ),
    ] = None,
    fault: Annotated[Fault | None, typer.Option("--fault", metavar="FAULT", help=FAULTS)] = None,
) -> None:
    """Run a small strict authorization server on loopback that answers as each service of the catalogue does.

    What it prints is the catalogue entry that leads a service there. `everyauth login SERVICE --sandbox` needs none.
    """
    from everyauth_cli.sandbox.server import Sandbox

    catalogue = session.auth.catalogue
    service = catalogue.get(like)
    log = session.terminal.note if session.verbose else lambda _: None
    life = int(read_duration(token_lifetime)) if token_lifetime else None
    server = Sandbox(catalogue, port=port, token_lifetime=life, redirect_uri=redirect_uri or "", fault=fault, log=log)
    for key, value in server.override(service.name).items():
        session.terminal.data(f"{key} = {json.dumps(value)}")
    session.terminal.stdout.flush()
    session.terminal.note(f"The sandbox is at {server.base_url}, for every service of the catalogue; Ctrl-C ends it.")
    if port == DEFAULT_SANDBOX_PORT and not redirect_uri:
        session.terminal.note(f"To log in there, in another terminal: everyauth login {service.name} --sandbox")
    path = catalogue.own_path(service.name)
    session.terminal.note(f"The lines on stdout, in {path}, lead your own {service.name} to it, with this client")
    session.terminal.note("(which takes the place of a real one, unless another --profile is named):")
    session.terminal.note(_client_command(service, server.client_id, server.client_secret or ""))
    server.serve_forever()


def _client_command(service: Service, client_id: str, client_secret: str) -> str:
    """What sets the client that the sandbox knows, and what else the service needs."""
    needed = {p.name for p in service.params if p.default is None}
    params = [f"{name}={value}" for name, value in sandbox_params(service).items() if name in needed]
    words = ["everyauth", "service", "set", service.name, "--client-id", client_id, "--client-secret", client_secret]
    return shlex.join([*words, *(word for param in params for word in ("--param", param))])
