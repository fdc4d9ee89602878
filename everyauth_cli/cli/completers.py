"""Completes names of services and users from the catalogue and the store's metadata, without reading a secret.

A configuration or store that cannot be read gives no names.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import typer

from everyauth_cli.errors import EveryAuthError
from everyauth_cli.model import RecordKey
from everyauth_cli.services.at_url import server_name
from everyauth_cli.services.catalogue import Catalogue
from everyauth_cli.settings import Settings, read_settings
from everyauth_cli.store.from_settings import store_of
from everyauth_cli.store.identities import identity_query, list_keys, services_with_identities
from everyauth_cli.store.profiles import list_profiles
from everyauth_cli.urls import is_url

SCHEME = "http"
"""The beginning of every URL: identities are looked through for no other text."""
MOST_USERS = 1000
"""The most users that a completion offers: people read no more, and memory stays flat."""


def service_names(context: typer.Context, incomplete: str) -> list[str]:
    """Return the names of services and presets that begin with the text, and the URLs with an identity that do."""
    names: list[str] = []
    with suppress(EveryAuthError, OSError):
        names += Catalogue(read_settings().services_dir).names_and_presets()
    if incomplete.startswith(SCHEME[: len(incomplete)]):
        names += _urls(context)
    return [name for name in names if name.startswith(incomplete)]


def _urls(context: typer.Context) -> list[str]:
    with suppress(EveryAuthError, OSError):
        settings = read_settings()
        return [*filter(is_url, services_with_identities(store_of(settings), _profile(context, settings)))]
    return []


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
    name = _name(settings, service) if service else ""
    return list_keys(store_of(settings), identity_query(_profile(context, settings), name))


def _name(settings: Settings, service: str) -> str:
    return server_name(service) if is_url(service) else Catalogue(settings.services_dir).get(service).name


def _profile(context: typer.Context, settings: Settings) -> str:
    return context.params.get("profile") or context.find_root().params.get("profile") or settings.profile
