"""The placeholders of an entry: where they may be, the check that something fills each, and filling them in."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from everyauth_cli.errors import ConfigurationProblem
from everyauth_cli.model import Service
from everyauth_cli.services.endpoints import urls_of
from everyauth_cli.services.keys import with_values
from everyauth_cli.urls import PLACEHOLDER

TABLES = ("authorization_params", "token_params", "native_from_client")
"""The keys that may hold placeholders: in a URL these are parts of a host or path, in a table any text."""


def placeholders_in_urls(service: Service) -> set[str]:
    """Return the placeholders in the URLs of a service."""
    return {name for url in urls_of(service).values() for name in PLACEHOLDER.findall(url)}


def fill(service: Service, params: Mapping[str, str]) -> Service:
    """Return the service with its placeholders filled in from `params` and their defaults.

    Raises `ConfigurationProblem` when one has no value yet.
    """
    if not service.params:
        return service
    values = {p.name: params.get(p.name, p.default) for p in service.params}
    missing = [name for name, value in values.items() if value is None]
    if missing:
        raise ConfigurationProblem(
            f"{service.name} needs a value for {missing[0]}",
            hint=f"everyauth service set {service.name} --param {missing[0]}=...",
        )

    def filled(text: str) -> str:
        return PLACEHOLDER.sub(lambda match: str(values.get(match[1], match[0])), text)

    urls = {key: filled(url) for key, url in urls_of(service).items()}
    tables = {
        # A parameter that is left empty is not sent at all.
        name: {key: text for key, value in getattr(service, name).items() if (text := filled(value))}
        for name in TABLES
    }
    return with_values(service, {**urls, **tables})


def check_placeholders(service: Service, where: Callable[[str], str]) -> None:
    """Check that something fills every placeholder of an entry; `where` returns the place of a key.

    Raises `ConfigurationProblem`.
    """
    declared = {param.name for param in service.params}
    used = placeholders_in_urls(service) | {name for table in TABLES for name in _in_table(getattr(service, table))}
    used -= {"client_id"} - declared
    if used - declared:
        raise ConfigurationProblem(
            f"{where('params')}: the placeholder {{{min(used - declared)}}} is not declared under params"
        )


def _in_table(table: Mapping[str, str]) -> list[str]:
    return [name for text in table.values() for name in PLACEHOLDER.findall(text)]
