"""`everyauth service export`: print a catalogue entry as TOML."""

from __future__ import annotations

from everyauth_cli.cli.app import command
from everyauth_cli.cli.commands.service import group
from everyauth_cli.cli.options import ServiceArgument
from everyauth_cli.cli.registry import registry_of
from everyauth_cli.cli.service_guide import missing_in_entry
from everyauth_cli.cli.session import Session
from everyauth_cli.services import EXAMPLE


@command(group, "export", examples=[f"everyauth service export {EXAMPLE}"])
def export(session: Session, name: ServiceArgument) -> None:
    """Print a catalogue entry as TOML.

    Your own keys override the shipped ones. Standard error lists what a pull request still needs.
    """
    catalogue = registry_of(session).catalogue
    service = catalogue.get(name).registered_at
    text = catalogue.source(service.name)
    keys = catalogue.own_keys(service.name)
    missing = missing_in_entry(service) if keys else []
    if session.terminal.as_json:
        session.terminal.json({"id": service.name, "toml": text, "ownKeys": keys, "missing": missing})
        return
    session.terminal.text(text.removesuffix("\n"))
    if keys and not service.own:
        session.terminal.info("Comments are left out: copy them from the shipped file in the repository.")
    for line in missing:
        session.terminal.info(f"Still to do before a pull request: {line}.")
