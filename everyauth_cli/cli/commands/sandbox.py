"""`everyauth sandbox`: run a test authorization server on loopback."""

from __future__ import annotations

import json
import shlex
from typing import Annotated

import typer

from everyauth_cli.cli import app
from everyauth_cli.cli.app import command
from everyauth_cli.cli.durations import read_duration
from everyauth_cli.cli.login.at_sandbox import sandbox_token
from everyauth_cli.cli.options import service_names
from everyauth_cli.cli.session import Session
from everyauth_cli.model import Service
from everyauth_cli.sandbox.detection import DEFAULT_SANDBOX_PORT
from everyauth_cli.sandbox.faults import DESCRIPTIONS, Fault
from everyauth_cli.services import EXAMPLE
from everyauth_cli.services.at_sandbox import sandbox_params

FAULTS = "Make every refresh fail: " + "; ".join(f"{fault}: {text}" for fault, text in DESCRIPTIONS.items()) + "."


LikeOption = Annotated[
    str,
    typer.Option(
        "--like", metavar="SERVICE", autocompletion=service_names, help="Print the catalogue entry of this service."
    ),
]
PortOption = Annotated[
    int, typer.Option("--port", min=0, max=65535, metavar="PORT", help="The port; 0 takes a free one.")
]
TokenLifetimeOption = Annotated[
    str | None,
    typer.Option(
        "--token-lifetime",
        metavar="DURATION",
        help="Lifetime of access tokens, for services whose tokens expire.",
        show_default="as documented",
    ),
]
RedirectUriOption = Annotated[
    str | None,
    typer.Option(
        "--redirect-uri",
        metavar="URI",
        help="The redirect URI to register, such as your web app's.",
        show_default="as `everyauth login` uses",
    ),
]
FaultOption = Annotated[Fault | None, typer.Option("--fault", metavar="FAULT", help=FAULTS)]


@command(
    app.app,
    "sandbox",
    examples=[
        "everyauth sandbox",
        f"everyauth sandbox --like {EXAMPLE} --token-lifetime 30s --fault 429",
    ],
)
def sandbox(
    session: Session,
    like: LikeOption = EXAMPLE,
    port: PortOption = DEFAULT_SANDBOX_PORT,
    token_lifetime: TokenLifetimeOption = None,
    redirect_uri: RedirectUriOption = None,
    fault: FaultOption = None,
) -> None:
    """Run a test authorization server on loopback.

    It is small and strict, and responds as each service of the catalogue does. It prints the catalogue entry that sends
    a service's logins to it; `everyauth login SERVICE --sandbox` needs no such entry.
    """
    from everyauth_cli.sandbox.server import Sandbox

    catalogue = session.auth.catalogue
    service = catalogue.get(like)
    log = session.terminal.info if session.verbose else lambda _: None
    lifetime = int(read_duration(token_lifetime)) if token_lifetime else None
    server = Sandbox(
        catalogue,
        port=port,
        token_lifetime=lifetime,
        redirect_uri=redirect_uri or "",
        fault=fault,
        log=log,
        token=sandbox_token(session.settings),
    )
    for key, value in server.override(service.name).items():
        session.terminal.data(f"{key} = {json.dumps(value)}")
    session.terminal.stdout.flush()
    session.terminal.info(f"The sandbox is at {server.base_url}, for every service of the catalogue; Ctrl-C stops it.")
    if port == DEFAULT_SANDBOX_PORT and not redirect_uri:
        session.terminal.info(f"To log in there, in another terminal: everyauth login {service.name} --sandbox")
    path = catalogue.own_path(service.name)
    session.terminal.info(f"To use it as {service.name}, save stdout as {path}, then run")
    session.terminal.info("(it replaces a client that you have set, unless you add --profile NAME):")
    session.terminal.info(_client_command(service, server.client_id, server.client_secret or ""))
    server.serve_forever()


def _client_command(service: Service, client_id: str, client_secret: str) -> str:
    """Return the command that sets the sandbox's client, and every parameter that the service needs."""
    needed = {p.name for p in service.params if p.default is None}
    params = [f"{name}={value}" for name, value in sandbox_params(service).items() if name in needed]
    words = ["everyauth", "service", "set", service.name, "--client-id", client_id, "--client-secret", client_secret]
    return shlex.join([*words, *(word for param in params for word in ("--param", param))])
