"""`everyauth sandbox`: run a test authorization server on loopback."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from everyauth_cli.cli import app
from everyauth_cli.cli.app import command
from everyauth_cli.cli.durations import read_duration
from everyauth_cli.cli.installed_entry import entry_text, installed_entry
from everyauth_cli.cli.interrupts import ended_cleanly
from everyauth_cli.cli.login.at_sandbox import sandbox_token
from everyauth_cli.cli.options import service_names
from everyauth_cli.cli.session import Session
from everyauth_cli.model import Service
from everyauth_cli.sandbox.detection import DEFAULT_SANDBOX_PORT
from everyauth_cli.sandbox.faults import DESCRIPTIONS, Fault
from everyauth_cli.services import EXAMPLE
from everyauth_cli.services.at_sandbox import sandbox_params

if TYPE_CHECKING:
    from everyauth_cli.sandbox.server import Sandbox

TRY = "try"
"""A profile for the sandbox's client where the usual one has a client already."""
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
    list[str] | None,
    typer.Option(
        "--redirect-uri",
        metavar="URI",
        help="A redirect URI to register, such as your web app's; may be repeated.",
        show_default="any on loopback",
    ),
]
InstallOption = Annotated[
    str | None,
    typer.Option(
        "--install",
        metavar="SERVICE",
        autocompletion=service_names,
        help="Lead this service to the sandbox while it runs, by a service file that is deleted at its end.",
    ),
]
FaultOption = Annotated[Fault | None, typer.Option("--fault", metavar="FAULT", help=FAULTS)]


@command(
    app.app,
    "sandbox",
    examples=[
        "everyauth sandbox",
        f"everyauth sandbox --install {EXAMPLE}",
        f"everyauth sandbox --like {EXAMPLE} --token-lifetime 30s --fault 429",
    ],
)
def sandbox(
    session: Session,
    like: LikeOption = EXAMPLE,
    port: PortOption = DEFAULT_SANDBOX_PORT,
    token_lifetime: TokenLifetimeOption = None,
    redirect_uri: RedirectUriOption = None,
    install: InstallOption = None,
    fault: FaultOption = None,
) -> None:
    """Run a test authorization server on loopback.

    It is small and strict, and responds as each service of the catalogue does. It prints the catalogue entry that sends
    a service's logins to it; `everyauth login SERVICE --sandbox` needs no such entry.
    """
    from everyauth_cli.sandbox.server import Sandbox

    clients = session.auth.clients
    catalogue = session.auth.catalogue
    service = catalogue.get(install or like).registered_at
    uris = redirect_uri or []
    server = Sandbox(
        catalogue,
        port=port,
        token_lifetime=int(read_duration(token_lifetime)) if token_lifetime else None,
        redirect_uri=next(iter(uris), ""),
        more_redirect_uris=uris[1:],
        any_loopback=not uris,
        fault=fault,
        log=session.terminal.info if session.verbose else lambda _: None,
        token=sandbox_token(session.settings),
    )
    keys = server.override(service.name)
    path = catalogue.own_path(service.name)
    with ended_cleanly(), installed_entry(path, keys) if install and path else nullcontext():
        _print(session, server, service.name, keys, path=path if install else None)
        _explain(session, server, service, path=path, installed=bool(install), uris=uris)
        if clients.peek(service) is None:
            command = _client_command(service, server.client_id, server.client_secret or "")
            session.terminal.advise("Then set the sandbox's client", command)
        else:
            command = _client_command(service, server.client_id, server.client_secret or "", profile=TRY)
            session.terminal.advise("Then set the sandbox's client, in a profile where yours stays as it is", command)
        session.terminal.stdout.flush()
        server.serve_forever()


def _print(session: Session, server: Sandbox, name: str, keys: Mapping[str, str], *, path: Path | None) -> None:
    """Print the entry, or the file in which it is."""
    if session.terminal.as_json:
        session.terminal.json(
            {
                "url": server.base_url,
                "serviceId": name,
                "entry": dict(keys),
                "path": None if path is None else str(path),
                "clientId": server.client_id,
                "clientSecret": server.client_secret,
            }
        )
    elif path:
        session.terminal.data(str(path))
    else:
        session.terminal.text(entry_text(keys).removesuffix("\n"))


def _explain(
    session: Session, server: Sandbox, service: Service, *, path: Path | None, installed: bool, uris: Sequence[str]
) -> None:
    """Say what to type next."""
    terminal = session.terminal
    terminal.info(f"The sandbox is at {server.base_url}, for every service of the catalogue; Ctrl-C stops it.")
    where = ", ".join(uris) or "any redirect URI on http://127.0.0.1, http://[::1] and http://localhost"
    terminal.info(f"It takes {where}.")
    if server.port == DEFAULT_SANDBOX_PORT and not uris:
        terminal.advise("To log in there, in another terminal", f"everyauth login {service.name} --sandbox")
    if installed:
        terminal.info(f"{path} leads {service.title} here until this ends, for your app and for these commands.")
    else:
        again = "everyauth sandbox --install"
        terminal.advise(f"To have {service.title} itself lead here while this runs", f"{again} {service.name}")
        terminal.info(f"or save what is printed above as {path}.")


def _client_command(service: Service, client_id: str, client_secret: str, *, profile: str = "") -> str:
    """Return the command that sets the sandbox's client, and every parameter that the service needs."""
    needed = {p.name for p in service.params if p.default is None}
    params = [f"{name}={value}" for name, value in sandbox_params(service).items() if name in needed]
    words = ["everyauth", "service", "set", service.name, "--client-id", client_id, "--client-secret", client_secret]
    words += [word for param in params for word in ("--param", param)]
    return shlex.join([*words, "--profile", profile] if profile else words)
