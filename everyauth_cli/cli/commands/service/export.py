"""`everyauth service export`: a catalogue entry as TOML."""

from __future__ import annotations

from everyauth_cli.cli.app import command
from everyauth_cli.cli.commands.service import group
from everyauth_cli.cli.options import ServiceArgument
from everyauth_cli.cli.service_guide import missing_in_entry
from everyauth_cli.cli.session import Session


@command(group, "export")
def export(session: Session, name: ServiceArgument) -> None:
    """Print the catalogue entry of a service as TOML, yours over the shipped one, ready for a pull request."""
    service = session.auth.catalogue.get(name)
    text = session.auth.catalogue.source(service.name)
    keys = session.auth.catalogue.own_keys(service.name)
    missing = missing_in_entry(service) if keys else []
    if session.terminal.as_json:
        session.terminal.json({"id": service.name, "toml": text, "ownKeys": keys, "missing": missing})
        return
    session.terminal.data(text.removesuffix("\n"))
    if keys and not service.own:
        session.terminal.note("Comments are not in it: take the shipped file's from the repository.")
    for line in missing:
        session.terminal.note(f"Still to do before a pull request: {line}.")
