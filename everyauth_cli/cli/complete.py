"""Completion of names that live in the catalogue and the index; it touches no secret and never fails."""

from __future__ import annotations

from everyauth_cli.errors import EveryAuthError
from everyauth_cli.model import Key
from everyauth_cli.services.catalogue import Catalogue
from everyauth_cli.settings import read_settings


def service_names(incomplete: str) -> list[str]:
    """Names of services that begin with what was typed."""
    try:
        names = Catalogue(read_settings().services_dir).names()
    except EveryAuthError:
        return []
    return [name for name in names if name.startswith(incomplete)]


def users(incomplete: str) -> list[str]:
    """Users that have an identity and begin with what was typed."""
    from everyauth_cli.everyauth import store_of

    try:
        settings = read_settings()
        found = store_of(settings).index.find(Key(profile=settings.profile, kind="identity", service=""))
    except EveryAuthError:
        return []
    return sorted({key.user for key, _ in found if key.user.startswith(incomplete)})


def services_and_users(incomplete: str) -> list[str]:
    """Both, where `[SERVICE] WHO` is wanted."""
    return service_names(incomplete) + users(incomplete)
