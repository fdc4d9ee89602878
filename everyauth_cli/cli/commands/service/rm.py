"""`everyauth service rm`: the client of a service, removed."""

from __future__ import annotations

from everyauth_cli.cli.app import command
from everyauth_cli.cli.commands.service import group
from everyauth_cli.cli.options import ServiceArgument, YesOption
from everyauth_cli.cli.session import Session
from everyauth_cli.errors import NotFound


@command(group, "rm")
def rm(
    session: Session,
    name: ServiceArgument,
    yes: YesOption = False,
) -> None:
    """Remove the client of a service, and the service itself if you added it."""
    auth = session.auth
    service = auth.catalogue.get(name)
    known = auth.clients.peek(service) is not None
    goes = [f"the client of {service.name}"] * known + [f"your catalogue entry {service.name}"] * service.own
    if not goes:
        raise NotFound(f"{service.name} has no client here", hint="everyauth service ls")
    if not yes and not session.terminal.confirm(f"Remove {' and '.join(goes)}?"):
        session.terminal.note("Nothing was removed.")
        return
    auth.clients.delete(service.name)
    if service.own:
        auth.catalogue.remove(service.name)
    session.terminal.note(f"Removed {' and '.join(goes)}.")
    if left := len(auth.find(service=service.name)):
        session.terminal.note(f"{left} of its identities stay: everyauth identity ls --service {service.name}")
        session.terminal.note("They can be deleted here, but no longer revoked there, until it is set again.")
