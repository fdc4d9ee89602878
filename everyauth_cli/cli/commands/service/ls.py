"""`everyauth service ls`: list the services of the catalogue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from everyauth_cli.cli.app import command
from everyauth_cli.cli.commands.service import group
from everyauth_cli.cli.options import service_names
from everyauth_cli.cli.registry import registry_of
from everyauth_cli.cli.session import Session
from everyauth_cli.cli.style import Mark, Style
from everyauth_cli.errors import ServiceNotFound
from everyauth_cli.flows.clients import Clients
from everyauth_cli.services.summaries import ServiceSummary, near_services

COLUMNS = ["service", "title", "client id"]


@command(
    group,
    "ls",
    examples=["everyauth service ls", "everyauth service ls --search atlas", "everyauth service ls --long"],
)
def ls(
    session: Session,
    name: Annotated[
        str | None, typer.Argument(metavar="SERVICE", autocompletion=service_names, help="Only this service.")
    ] = None,
    search: Annotated[
        str | None,
        typer.Option("--search", metavar="TEXT", help="Only services and presets with this text in a name or title."),
    ] = None,
    long: Annotated[bool, typer.Option("--long", help="Show each with its title and your client id.")] = False,
) -> None:
    """List the services of the catalogue.

    Those with a client come first. A product uses the client of its service.
    On a terminal only names are shown, unless you ask for --long.
    """
    catalogue, clients = registry_of(session)
    listed = catalogue.listed()
    for problem in filter(None, (service.problem for service in listed)):
        session.terminal.warn(problem.message)
    ids = _client_ids(clients, listed)
    if name is not None:
        found = catalogue.get(name).name
        listed = [service for service in listed if service.name == found]
    if search is not None:
        listed = _matching(listed, search)
    listed.sort(key=lambda service: service.name not in ids)
    if session.terminal.is_table and not (session.terminal.as_json or name or search or long):
        _show_short(session, listed, ids)
        return
    rows = [[service.name, service.title, ids.get(service.name, "")] for service in listed]
    session.terminal.list(COLUMNS, rows, [_summary(s, ids.get(s.name)) for s in listed])


def _client_ids(clients: Clients, listed: Sequence[ServiceSummary]) -> dict[str, str]:
    """Return the client ids of those that have one; a preset has that of its service."""
    ids = clients.ids([service.name for service in listed if not service.preset_of])
    return {s.name: ids[owner] for s in listed if (owner := s.preset_of or s.name) in ids}


def _show_short(session: Session, listed: Sequence[ServiceSummary], ids: Mapping[str, str]) -> None:
    """Show those that are set up, and the names of the others in columns."""
    terminal = session.terminal
    ready = [service for service in listed if service.name in ids and not service.preset_of]
    others = [service.name for service in listed if service.name not in ids and not service.preset_of]
    products = sorted(service.name for service in listed if service.preset_of)
    if ready:
        terminal.data("SET UP", style=Style.heading)
        rows = [[service.name, service.title, ids[service.name]] for service in ready]
        terminal.marked(COLUMNS, rows, [Mark.done] * len(ready), header=False)
        terminal.data("")
    terminal.data(f"{len(others)} MORE" if ready else f"{len(others)} SERVICES", style=Style.heading)
    terminal.columns(others)
    terminal.data("")
    if products:
        terminal.data(f"{len(products)} PRODUCTS OF THESE", style=Style.heading)
        terminal.columns(products)
        terminal.data("")
    terminal.prose("To set one up, or to find one by a word:")
    terminal.command("everyauth init NAME")
    terminal.command("everyauth service ls --search WORD")


def _matching(listed: list[ServiceSummary], search: str) -> list[ServiceSummary]:
    """Return the services that a search finds; raises `ServiceNotFound` with similar names when it finds none."""
    text = search.casefold()
    matching = [s for s in listed if any(text in word.casefold() for word in (s.name, s.title, *s.aliases))]
    # With a preset goes its service, at which the client is registered.
    found = {name for s in matching for name in (s.name, s.preset_of)}
    if not found:
        error = ServiceNotFound(f'no service has "{search}" in its names or title', hint="everyauth service ls")
        raise error.if_mistyped(search, near_services(search, listed))
    return [s for s in listed if s.name in found]


def _summary(service: ServiceSummary, client_id: str | None) -> dict[str, Any]:
    return {
        "id": service.name,
        "title": service.title,
        "aliases": list(service.aliases),
        "presetOf": service.preset_of,
        "clientId": client_id,
        "added": service.own,
    }
