"""`everyauth login --sandbox`: a login at a sandbox that runs already, or at one for this login only."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from types import ModuleType

from everyauth_cli.cli.line import PROFILE
from everyauth_cli.cli.login.surroundings import read_surroundings
from everyauth_cli.cli.session import Session
from everyauth_cli.cli.style import Style
from everyauth_cli.errors import PortInUse, UsageProblem
from everyauth_cli.loopback.socket_table import owner_of
from everyauth_cli.model import DEFAULT_PORT, SANDBOX_PROFILE, Secret
from everyauth_cli.private_files import write_privately
from everyauth_cli.sandbox.client_key import CLIENT_KEY
from everyauth_cli.sandbox.detection import DEFAULT_SANDBOX_PORT, HOST, Listener, detect
from everyauth_cli.settings import Settings


@contextmanager
def at_sandbox(session: Session, name: str, *, port: int = DEFAULT_SANDBOX_PORT) -> Iterator[Session]:
    """Yield a session whose service is at the sandbox, for one login.

    Raises `UsageProblem`, `ServiceNotFound`, and `PortInUse` when another program listens at the port.
    """
    server, sandboxed = _server(), session.for_sandbox()
    auth, inform = sandboxed.auth, sandboxed.terminal.info
    service = auth.catalogue.get(name)
    token = sandbox_token(sandboxed.settings)
    listener = detect(port, token=token)
    if listener is Listener.FOREIGN:
        raise PortInUse(
            f"the sandbox at port {port} is another user's, which would learn what you send it",
            hint=f"if it is yours, give this command its EVERYAUTH_HOME; else free port {port}",
        )
    if listener is Listener.OTHER:
        raise PortInUse(
            f"port {port}, the sandbox's, is in use{owner_of(HOST, port)}", hint="end that program, and try again"
        )
    with ExitStack() as stack:
        if listener is Listener.NONE:
            stack.enter_context(server.Sandbox(auth.catalogue, port=port, token=token))
        url = f"http://{HOST}:{port}"
        auth.clients.set_sandbox(
            service,
            sandbox_url=url,
            client_id=server.CLIENT_ID,
            client_secret=Secret(server.CLIENT_SECRET),
            private_key=Secret(CLIENT_KEY),
        )
        inform(f"This is the sandbox at {url}, not {service.title}: nothing leaves this machine.")
        if read_surroundings().ssh and not sandboxed.terminal.quiet:
            forwards = " ".join(f"-L {one}:{HOST}:{one}" for one in sorted({port, DEFAULT_PORT}))
            inform("To reach it over SSH, forward its ports from the computer in front of you:")
            sandboxed.terminal.show(f"  ssh {forwards} THIS-MACHINE", style=Style.command)
        yield sandboxed
    if listener is Listener.NONE:
        sandboxed.terminal.advise(
            "The sandbox ended with this login. For a token that is refreshed start one in another terminal, "
            "then log in again",
            "everyauth sandbox",
        )


@contextmanager
def demo_sandbox(*, token: Secret[str], token_lifetime: int) -> Iterator[str]:
    """Run a sandbox of the shipped catalogue, at which `login --sandbox` logs in, during the block; yields its URL.

    The lifetime of its access tokens is in seconds. Raises `PortInUse`.
    """
    with _server().Sandbox(port=DEFAULT_SANDBOX_PORT, token=token, token_lifetime=token_lifetime) as sandbox:
        yield sandbox.base_url


def _server() -> ModuleType:
    """Import the sandbox, which takes time that a login to a real service need not spend."""
    from everyauth_cli.sandbox import server

    return server


def sandbox_token(settings: Settings) -> Secret[str]:
    """Return the text by which this user's commands know this user's sandbox. Raises `ConfigurationProblem`."""
    path = settings.data_dir / "sandbox.token"
    with suppress(OSError, ValueError):
        return Secret(path.read_text(encoding="ascii"))
    write_privately(path, os.urandom(16).hex())
    return Secret(path.read_text(encoding="ascii"))


@contextmanager
def at_service(session: Session) -> Iterator[Session]:
    """Yield the session unchanged; raises `UsageProblem` in the sandbox's profile, which takes no other login."""
    if session.in_sandbox:
        raise UsageProblem(
            f"the profile {SANDBOX_PROFILE} is for the sandbox only",
            hint=f"log in at the sandbox, or use another profile: {session.again('--sandbox', without=PROFILE)}",
        )
    yield session
