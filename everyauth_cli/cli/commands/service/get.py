"""`everyauth service get`: show how to set up a service."""

from __future__ import annotations

from everyauth_cli.cli.app import command
from everyauth_cli.cli.commands.service import group
from everyauth_cli.cli.options import ServiceArgument
from everyauth_cli.cli.registry import registry_of
from everyauth_cli.cli.service_guide import guide_to
from everyauth_cli.cli.session import Session
from everyauth_cli.services import EXAMPLE


@command(group, "get", examples=[f"everyauth service get {EXAMPLE}", f"everyauth service get {EXAMPLE} -o json"])
def get(session: Session, name: ServiceArgument) -> None:
    """Show how to set up a service.

    The steps, the redirect URI, scopes, settings, what to expect of its tokens, and the sources of all this.
    """
    registry = registry_of(session)
    guide = guide_to(registry, registry.catalogue.get(name))
    if session.terminal.as_json:
        session.terminal.json(guide.as_json())
        return
    for line in guide.lines():
        session.terminal.data(line)
