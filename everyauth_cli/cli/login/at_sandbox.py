"""`everyauth login --sandbox`: the sandbox in a service's place, running already or for this login alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from everyauth_cli.cli.session import Session
from everyauth_cli.errors import PortInUse, UsageProblem
from everyauth_cli.model import SANDBOX_PROFILE, Secret
from everyauth_cli.sandbox.detection import DEFAULT_SANDBOX_PORT, HOST, Listener, detect


@contextmanager
def led_to_sandbox(session: Session, name: str, *, port: int = DEFAULT_SANDBOX_PORT) -> Iterator[Session]:
    """A session in which a service is the sandbox, for one login.

    Raises `UsageProblem`, `PortInUse` when something else is at the port, `ServiceNotFound`.
    """
    from everyauth_cli.sandbox.server import CLIENT_ID, CLIENT_SECRET, Sandbox

    led = session.led_to_sandbox()
    auth, note = led.auth, led.terminal.note
    service = auth.catalogue.get(name)
    found = detect(port)
    if found is Listener.OTHER:
        raise PortInUse(
            f"port {port} is taken by something that is not the sandbox", hint="end what listens there, and try again"
        )
    with ExitStack() as stack:
        if found is Listener.NONE:
            stack.enter_context(Sandbox(auth.catalogue, port=port))
        url = f"http://{HOST}:{port}"
        auth.clients.set_sandbox(service, sandbox_url=url, client_id=CLIENT_ID, client_secret=Secret(CLIENT_SECRET))
        note(f"This is the sandbox at {url}, not {service.title}: nothing leaves this machine.")
        yield led
    note(f"Its token: everyauth token {service.name} --profile {SANDBOX_PROFILE}")
    if found is Listener.NONE:
        note(
            "The sandbox ended with this login, and knows nothing of it any more. For tokens that can be refreshed and "
            f"revoked, keep one running (everyauth sandbox), then: everyauth login {service.name} --sandbox"
        )


@contextmanager
def not_in_the_sandbox(session: Session, name: str) -> Iterator[Session]:
    """The session as it is; raises `UsageProblem` in the profile of the sandbox, which takes no real login."""
    if session.in_sandbox:
        raise UsageProblem(
            f"the profile {SANDBOX_PROFILE} is for the sandbox alone",
            hint=f"everyauth login {name} --sandbox, or another --profile",
        )
    yield session
