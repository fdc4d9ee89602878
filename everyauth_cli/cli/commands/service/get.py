"""`everyauth service get`: how a service is set up."""

from __future__ import annotations

from everyauth_cli.cli.app import command
from everyauth_cli.cli.commands.service import group
from everyauth_cli.cli.options import ServiceArgument
from everyauth_cli.cli.service_guide import guide_to
from everyauth_cli.cli.session import Session


@command(group, "get")
def get(session: Session, name: ServiceArgument) -> None:
    """Show how a service is set up: steps, redirect URI, scopes, settings, what to expect, and where that is from."""
    guide = guide_to(session, session.auth.catalogue.get(name))
    if session.terminal.as_json:
        session.terminal.json(guide.as_json())
        return
    for line in guide.lines():
        session.terminal.data(line)
