"""Completion of names that live in the catalogue and the index; it touches no secret and never fails."""

from __future__ import annotations

import typer

from everyauth_cli.errors import EveryAuthError
from everyauth_cli.model import RecordKey
from everyauth_cli.services.catalogue import Catalogue
from everyauth_cli.settings import Settings, read_settings
from everyauth_cli.store import Index
from everyauth_cli.store.identity_record import KIND
from everyauth_cli.store.opening import Keyring, SealingKey, open_store


def service_names(incomplete: str) -> list[str]:
    """Names of services that begin with what was typed."""
    try:
        names = Catalogue(read_settings().services_dir).names()
    except (EveryAuthError, OSError):
        return []
    return [name for name in names if name.startswith(incomplete)]


def users(context: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Users that have an identity, each with its services: at the service that the line names, else at any."""
    return _users(context, context.params.get("service"), incomplete)


def services_and_users(context: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """What may come next where `[SERVICE] WHO` is wanted, either of which an option may have said."""
    words = context.params.get("names") or []
    service, user = context.params.get("service"), context.params.get("user")
    services = [] if words or service else [(name, "a service") for name in service_names(incomplete)]
    if user or len(words) + bool(service) > 1:
        return services
    return services + _users(context, service or next(iter(words), None), incomplete)


def _users(context: typer.Context, service: str | None, incomplete: str) -> list[tuple[str, str]]:
    try:
        keys = _identities(context, service)
    except (EveryAuthError, OSError):
        return []
    services: dict[str, list[str]] = {}
    for key in keys:
        if key.user.startswith(incomplete):
            services.setdefault(key.user, []).append(key.service)
    return [(user, ", ".join(sorted(set(services[user])))) for user in sorted(services)]


def _identities(context: typer.Context, service: str | None) -> list[RecordKey]:
    settings = read_settings()
    profile = context.params.get("profile") or context.find_root().params.get("profile") or settings.profile
    name = Catalogue(settings.services_dir).get(service).name if service else ""
    index = _index(settings)
    # A file that is not there yet would be made by looking into it.
    if not index.exists:
        return []
    return [key for key, _ in index.find(RecordKey(profile=profile, kind=KIND, service=name))]


def _index(settings: Settings) -> Index:
    """The index of the store that is used; how its vault would be opened does not matter."""
    store = open_store(settings.store_url, data_dir=settings.data_dir, keyring=Keyring(), sealing_key=SealingKey())
    return store.index
