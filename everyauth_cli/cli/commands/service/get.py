"""`everyauth service get`: show how to set up a service."""

from __future__ import annotations

from typing import Annotated

import typer

from everyauth_cli.cli.app import command
from everyauth_cli.cli.commands.service import group
from everyauth_cli.cli.guide_screen import show_guide
from everyauth_cli.cli.options import ServiceArgument
from everyauth_cli.cli.registry import registry_of
from everyauth_cli.cli.service_guide import guide_to
from everyauth_cli.cli.session import Session
from everyauth_cli.services import EXAMPLE


@command(
    group,
    "get",
    examples=[
        f"everyauth service get {EXAMPLE}",
        f"everyauth service get {EXAMPLE} --long",
        f"everyauth service get {EXAMPLE} -o json",
    ],
)
def get(
    session: Session,
    name: ServiceArgument,
    long: Annotated[bool, typer.Option("--long", help="Show settings, endpoints and sources too.")] = False,
) -> None:
    """Show how to set up a service.

    The steps, the redirect URI, the scopes, and what to expect of its tokens.
    """
    registry = registry_of(session)
    guide = guide_to(registry, registry.catalogue.get(name))
    if session.terminal.as_json:
        session.terminal.json(guide.as_json())
    else:
        show_guide(session, guide, long=long)
