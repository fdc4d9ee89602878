"""`everyauth service rm`: remove the client of a service."""

from __future__ import annotations

import shlex

from everyauth_cli.cli.app import command
from everyauth_cli.cli.commands.service import group
from everyauth_cli.cli.options import ServiceArgument, YesOption
from everyauth_cli.cli.session import Session
from everyauth_cli.errors import NotFound, UsageProblem
from everyauth_cli.services import EXAMPLE


@command(group, "rm", examples=[f"everyauth service rm {EXAMPLE}", "everyauth service rm acme --yes"])
def rm(
    session: Session,
    name: ServiceArgument,
    yes: YesOption = False,
) -> None:
    """Remove your client at a service.

    A service that you added is removed too.
    """
    auth = session.auth
    service = auth.catalogue.get(name)
    if service.preset_of:
        raise UsageProblem(
            f"{service.name} has no client of its own, it uses that of {service.preset_of.name}",
            hint=f"everyauth service rm {service.preset_of.name}",
        )
    known = auth.clients.peek(service) is not None
    removed = [f"the client of {service.name}"] * known + [f"your catalogue entry {service.name}"] * service.own
    if not removed:
        raise NotFound(f"{service.name} has no client", hint="everyauth service ls")
    if not yes and not session.terminal.confirm(f"Remove {' and '.join(removed)}?"):
        session.terminal.info("Nothing was removed.")
        _print(session, service.name, client=False, entry=False)
        return
    auth.clients.delete(service.name)
    if service.own:
        auth.catalogue.remove(service.name)
    session.terminal.info(f"Removed {' and '.join(removed)}.")
    _print(session, service.name, client=known, entry=service.own)
    if left := sum(1 for name in (service.name, *service.presets) for _ in auth.listed(service=name)):
        word = shlex.quote(service.name)
        session.terminal.advise(f"{left} of its identities stay", f"everyauth identity ls --service {word}")
        session.terminal.info("Until a client is set again, they can be deleted here but not revoked at the service.")


def _print(session: Session, name: str, *, client: bool, entry: bool) -> None:
    """Print as JSON, where that was asked for, what was removed."""
    if session.terminal.as_json:
        session.terminal.json({"id": name, "clientRemoved": client, "entryRemoved": entry})
