"""Completes names of services and users from the catalogue and the store's metadata, without reading a secret.

A configuration or store that cannot be read gives no names.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import typer

from everyauth_cli.errors import EveryAuthError
from everyauth_cli.model import RecordKey
from everyauth_cli.services.catalogue import Catalogue
from everyauth_cli.settings import read_settings
from everyauth_cli.store.from_settings import store_of
from everyauth_cli.store.identities import identity_query, list_keys
from everyauth_cli.store.profiles import list_profiles

MOST_USERS = 1000
"""The most users that a completion offers: people read no more, and memory stays flat."""


def service_names(_: typer.Context, incomplete: str) -> list[str]:
    """Return the names of services and presets that begin with the text."""
    try:
        names = Catalogue(read_settings().services_dir).names_and_presets()
    except (EveryAuthError, OSError):
        return []
    return [name for name in names if name.startswith(incomplete)]


def profiles(_: typer.Context, incomplete: str) -> list[str]:
    """Return names of profiles that begin with the text."""
    try:
        names = list_profiles(store_of(read_settings()))
    except (EveryAuthError, OSError):
        return []
    return [name for name in names if name.startswith(incomplete)]


def users(context: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Return users with an identity at the service that the line names, else at any, each with its services."""
    return _users(context, context.params.get("service"), incomplete)


def services_and_users(context: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Return the services and users that fit next in `[SERVICE] WHO`, each of which an option may give too."""
    words = context.params.get("names") or []
    service, user = context.params.get("service"), context.params.get("user")
    services = [] if words or service else [(name, "a service") for name in service_names(context, incomplete)]
    if user or len(words) + bool(service) > 1:
        return services
    return services + _users(context, service or next(iter(words), None), incomplete)


def _users(context: typer.Context, service: str | None, incomplete: str) -> list[tuple[str, str]]:
    services: dict[str, set[str]] = {}
    with suppress(EveryAuthError, OSError):
        for key in _identities(context, service):
            if key.user.startswith(incomplete):
                services.setdefault(key.user, set()).add(key.service)
            if len(services) == MOST_USERS:
                break
    return [(user, ", ".join(sorted(services[user]))) for user in sorted(services)]


def _identities(context: typer.Context, service: str | None) -> Iterator[RecordKey]:
    settings = read_settings()
    profile = context.params.get("profile") or context.find_root().params.get("profile") or settings.profile
    name = Catalogue(settings.services_dir).get(service).name if service else ""
    return list_keys(store_of(settings), identity_query(profile, name))
