"""The placeholders of an entry: where they may be, the check that something fills each, and filling them in."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from urllib.parse import urlsplit

from everyauth_cli.errors import ConfigurationProblem
from everyauth_cli.model import Service
from everyauth_cli.services.endpoints import urls_of
from everyauth_cli.services.fields import value_of, with_values
from everyauth_cli.services.parameters import check_param
from everyauth_cli.services.rules import FORM_VALUES, Parameter
from everyauth_cli.urls import PLACEHOLDER

FIXED_END = re.compile(r"(?:\.[A-Za-z0-9-]+){2,}")
"""The end of a host that leaves its owner no choice: two labels at least."""

FORMS = (
    *("refresh_params", "long_lived_params", "revocation_params"),
    *("device_authorization_params", "device_token_params"),
)
TABLES = (
    "authorization_params",
    "token_params",
    "client_credentials_params",
    "client_secret_claims",
    "native_from_client",
    "api_headers",
    *FORMS,
)
"""The keys that may hold placeholders: in a URL these are parts of a host or path, in a table any text."""

TEXTS = ("redirect_uri_name", "jwt_bearer_audience")
"""Keys with one text that may hold placeholders."""

FROM_CLIENT = {
    "native_from_client": {"client_id"},
    "api_headers": {"client_id"},
    **dict.fromkeys(FORMS, FORM_VALUES),
}
"""The placeholders that a request or a response fills, by the table in which it does."""


def fill(service: Service, params: Mapping[str, str]) -> Service:
    """Return the service with its placeholders filled in from `params` and their defaults.

    Those that an authorization response fills are left, with the value from `params` as their default.
    Raises `ConfigurationProblem` when one has no value yet, or one that does not fit.
    """
    if not service.params:
        return service
    values = _checked_values(service, params)
    parameters = tuple(replace(p, default=values[p.name]) if p.callback else p for p in service.params)
    texts = {p.name: p.text(values[p.name]) for p in service.params if not p.callback}
    return replace(filled_in(service, texts), params=parameters)


def filled_in(service: Service, texts: Mapping[str, str]) -> Service:
    """Return the service with these texts in place of the placeholders of these names; others are left."""
    urls = {key: with_texts(url, texts) for key, url in urls_of(service).items()}
    tables = {
        # A parameter that is left empty is not sent at all.
        name: {key: text for key, value in value_of(service, name).items() if (text := with_texts(value, texts))}
        for name in TABLES
    }
    # Of the braces in an API's base those that are left are fields of the token response.
    others = {
        "api_base": with_texts(service.api.base, texts),
        "git_hosts": tuple(with_texts(name, texts) for name in service.api.git_hosts),
    } | {key: with_texts(text, texts) for key in TEXTS if (text := value_of(service, key))}
    return with_values(service, {**urls, **tables, **others})


def with_texts(text: str, texts: Mapping[str, str]) -> str:
    """Return a text with these in place of the placeholders of their names."""
    return PLACEHOLDER.sub(lambda match: texts.get(match[1], match[0]), text)


def variants(service: Service, text: str) -> Iterator[tuple[str, str]]:
    """Yield a text with each combination of the listed values of its placeholders, each after its words."""
    listed = [param for param in service.params if param.values and param.name in PLACEHOLDER.findall(text)]
    for words in itertools.product(*(param.values for param in listed)):
        texts = {param.name: param.text(word) for param, word in zip(listed, words, strict=True)}
        yield " ".join(words), with_texts(text, texts)


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
        if value or not param.callback:
            check_param(service, param.name, value)
        values[param.name] = value
    return values


def check_placeholders(service: Service, where: Callable[[str], str]) -> None:
    """Check that something fills every placeholder of an entry; `where` returns the place of a key.

    Raises `ConfigurationProblem`.
    """
    declared = {param.name for param in service.params}
    for key, text in filter(_has_brace, _filled_texts(service)):
        allowed = declared | FROM_CLIENT.get(key.partition(".")[0], set())
        _refuse(where, key, text, set(PLACEHOLDER.findall(text)) - allowed, "is not declared under params")
    for key, text in filter(_has_brace, _other_texts(service)):
        _refuse(where, key, text, set(PLACEHOLDER.findall(text)), "is not filled here")
    for param in service.params:
        if param.default is not None and (param.default or not param.callback):
            _check_value(where, service, param, "default", param.default)
        for word in param.values:
            _check_value(where, service, param, f"values.{word}", word)
        if param.callback:
            _check_callback(where, service, param)


def _has_brace(named: tuple[str, str]) -> bool:
    # Most texts have none, and need no search.
    return "{" in named[1]


def _check_value(where: Callable[[str], str], service: Service, param: Parameter, key: str, value: str) -> None:
    try:
        check_param(service, param.name, value)
    except ConfigurationProblem as error:
        path = f"params.{param.name}.{key}"
        raise error.copy(message=f"{where(path)}: {path}: {error.message}") from None


def _check_callback(where: Callable[[str], str], service: Service, param: Parameter) -> None:
    """Check that no authorization response can choose the host: the entry has its end, or lists the values."""
    path = f"params.{param.name}.callback"
    if not param.default and param.name in _placeholders_of_request(service):
        raise ConfigurationProblem(f"{where(path)}: {path}: the authorization request has it, so it needs a default")
    for key, url in urls_of(service).items():
        _, found, end = urlsplit(url).netloc.rpartition(f"{{{param.name}}}")
        if found and not param.values and not all(FIXED_END.fullmatch(text) for _, text in variants(service, end)):
            raise ConfigurationProblem(
                f"{where(path)}: {path}: an authorization response could choose the host of {key}; list the values: "
                f'params.{param.name}.values = {{eu = "example.eu"}}'
            )


def _placeholders_of_request(service: Service) -> set[str]:
    texts = (service.authorization_endpoint or "", *service.authorization_params.values())
    return {name for text in texts for name in PLACEHOLDER.findall(text)}


def _filled_texts(service: Service) -> Iterator[tuple[str, str]]:
    yield from urls_of(service).items()
    yield from ((key, text) for key in TEXTS if (text := value_of(service, key)))
    yield from ((f"{table}.{name}", text) for table in TABLES for name, text in value_of(service, table).items())
    yield from (("git_hosts", name) for name in service.api.git_hosts)


def _other_texts(service: Service) -> Iterator[tuple[str, str]]:
    """Yield the texts in which a placeholder is a mistake, with their keys."""
    yield from (("scopes", scope) for scope in service.scopes)
    yield from ((f"params.{param.name}.default", param.default or "") for param in service.params)


def _refuse(where: Callable[[str], str], key: str, text: str, names: set[str], why: str) -> None:
    if names:
        raise ConfigurationProblem(f"{where(key)}: {key} = {text!r}: the placeholder {{{min(names)}}} {why}")
