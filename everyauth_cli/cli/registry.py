"""The catalogue and the clients, for commands that need no more of `EveryAuth`."""

from __future__ import annotations

from typing import NamedTuple

from everyauth_cli.cli.session import Session
from everyauth_cli.flows.clients import Clients
from everyauth_cli.services.catalogue import Catalogue
from everyauth_cli.store.from_settings import store_of


class Registry(NamedTuple):
    """The services that are known, and the clients that are registered there."""

    catalogue: Catalogue
    clients: Clients


def registry_of(session: Session) -> Registry:
    """Return those of a session's settings. Raises `ConfigurationProblem`."""
    settings = session.settings
    catalogue, store = Catalogue(settings.services_dir), store_of(settings, warn=session.terminal.warn)
    clients = Clients(store, catalogue, profile=settings.profile, override=settings.client_override)
    return Registry(clients.catalogue, clients)
