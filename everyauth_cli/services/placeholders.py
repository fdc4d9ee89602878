"""The placeholders of an entry: where they may be, and the error for one that nothing fills."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from everyauth_cli.errors import ConfigurationProblem
from everyauth_cli.model import Service

PLACEHOLDER = re.compile(r"\{([a-z][a-z0-9_]*)\}")
URLS = ("authorize_url", "token_url", "refresh_url", "revoke_url", "issuer", "jwks_url", "account_url")
TABLES = ("authorize_params", "token_params", "native_from_client")
"""The keys that may hold placeholders: in a URL these are parts of a host, in a table any text."""

FROM_CLIENT = {"native_from_client": {"client_id"}}
"""The placeholders that the client fills, by the one table in which it does."""


def placeholders_in_urls(service: Service) -> set[str]:
    """Return the placeholders in the URLs of a service."""
    return {name for key in URLS for name in PLACEHOLDER.findall(getattr(service, key) or "")}


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


def _filled_texts(service: Service) -> Iterator[tuple[str, str]]:
    yield from ((key, getattr(service, key) or "") for key in URLS)
    yield from ((f"{table}.{name}", text) for table in TABLES for name, text in getattr(service, table).items())


def _other_texts(service: Service) -> Iterator[tuple[str, str]]:
    """Yield the texts in which a placeholder is a mistake, with their keys."""
    yield "docs", service.docs
    yield from (("scopes", scope) for scope in service.scopes)
    yield from ((f"params.{param.name}.default", param.default or "") for param in service.params)


def _refuse(where: Callable[[str], str], key: str, text: str, names: set[str], why: str) -> None:
    if names:
        raise ConfigurationProblem(f"{where(key)}: {key} = {text!r}: the placeholder {{{min(names)}}} {why}")
