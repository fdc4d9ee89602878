"""The placeholders of an entry: where they may be, the check that something fills each, and filling them in."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from everyauth_cli.errors import ConfigurationProblem
from everyauth_cli.model import Service
from everyauth_cli.services.endpoints import urls_of
from everyauth_cli.services.fields import value_of, with_values
from everyauth_cli.services.parameters import check_param
from everyauth_cli.urls import PLACEHOLDER

TABLES = ("authorization_params", "token_params", "native_from_client", "api_headers")
"""The keys that may hold placeholders: in a URL these are parts of a host or path, in a table any text."""

FROM_CLIENT = {"native_from_client": {"client_id"}, "api_headers": {"client_id"}}
"""The placeholders that the client fills, by the tables in which it does."""


def fill(service: Service, params: Mapping[str, str]) -> Service:
    """Return the service with its placeholders filled in from `params` and their defaults.

    Raises `ConfigurationProblem` when one has no value yet, or one that does not fit.
    """
    if not service.params:
        return service
    values = _checked_values(service, params)

    def filled(text: str) -> str:
        return PLACEHOLDER.sub(lambda match: values.get(match[1], match[0]), text)

    urls = {key: filled(url) for key, url in urls_of(service).items()}
    tables = {
        # A parameter that is left empty is not sent at all.
        name: {key: text for key, value in value_of(service, name).items() if (text := filled(value))}
        for name in TABLES
    }
    # Of the braces in an API's base those that are left are fields of the token response.
    others = {"api_base": filled(service.api.base), "git_hosts": tuple(map(filled, service.api.git_hosts))}
    return with_values(service, {**urls, **tables, **others})


def _checked_values(service: Service, params: Mapping[str, str]) -> dict[str, str]:
    values = {}
    for param in service.params:
        value = params.get(param.name, param.default)
        if value is None:
            raise ConfigurationProblem(
                f"{service.name} needs a value for {param.name}",
                hint=f"everyauth service set {service.name} --param {param.name}=...",
            )
        # Also one that is stored or a default: who can change it must not choose where secrets go.
        check_param(service, param.name, value)
        values[param.name] = value
    return values


def check_placeholders(service: Service, where: Callable[[str], str]) -> None:
    """Check that something fills every placeholder of an entry; `where` returns the place of a key.

    Raises `ConfigurationProblem`.
    """
    declared = {param.name for param in service.params}
    for key, text in _filled_texts(service):
        allowed = declared | FROM_CLIENT.get(key.partition(".")[0], set())
        _refuse(where, key, text, set(PLACEHOLDER.findall(text)) - allowed, "is not declared under params")
    for key, text in _other_texts(service):
        _refuse(where, key, text, set(PLACEHOLDER.findall(text)), "is not filled here")
    for param in service.params:
        if param.default is not None:
            _check_default(where, service, param.name, param.default)


def _check_default(where: Callable[[str], str], service: Service, name: str, default: str) -> None:
    try:
        check_param(service, name, default)
    except ConfigurationProblem as error:
        raise error.copy(message=f"{where(f'params.{name}.default')}: params.{name}.default: {error.message}") from None


def _filled_texts(service: Service) -> Iterator[tuple[str, str]]:
    yield from urls_of(service).items()
    yield from ((f"{table}.{name}", text) for table in TABLES for name, text in value_of(service, table).items())
    yield from (("git_hosts", name) for name in service.api.git_hosts)


def _other_texts(service: Service) -> Iterator[tuple[str, str]]:
    """Yield the texts in which a placeholder is a mistake, with their keys."""
    yield from (("scopes", scope) for scope in service.scopes)
    yield from ((f"params.{param.name}.default", param.default or "") for param in service.params)


def _refuse(where: Callable[[str], str], key: str, text: str, names: set[str], why: str) -> None:
    if names:
        raise ConfigurationProblem(f"{where(key)}: {key} = {text!r}: the placeholder {{{min(names)}}} {why}")
