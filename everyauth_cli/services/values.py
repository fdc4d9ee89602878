"""Readers of the values in a catalogue entry: each returns the checked value or raises `ValueError` with the reason."""

from __future__ import annotations

import difflib
import functools
from collections.abc import Callable
from datetime import date
from typing import Any

from everyauth_cli.model import PLACE, Parameter, Quirk
from everyauth_cli.services.quirks import QUIRKS
from everyauth_cli.services.sources import check_source, is_link
from everyauth_cli.urls import check_template, check_url

# The parameters that the protocol sets itself; no entry may set them.
AUTHORIZE_RESERVED = frozenset(
    {"response_type", "client_id", "redirect_uri", "scope", "state", "nonce", "response_mode"}
    | {"code_challenge", "code_challenge_method"}
)
TOKEN_RESERVED = frozenset(
    {"grant_type", "code", "redirect_uri", "client_id", "client_secret", "code_verifier", "refresh_token", "scope"}
)
ERRORS = frozenset(
    {"invalid_request", "invalid_client", "invalid_grant", "unauthorized_client", "unsupported_grant_type"}
    | {"invalid_scope", "invalid_token", "unsupported_token_type"}
)
"""The errors of RFC 6749 section 5.2, RFC 6750 section 3.1 and RFC 7009 section 2.2.1."""
PARAMETER_KEYS = ("help", "default")

Reader = Callable[[Any], Any]


class WrongInside(ValueError):
    """One value of a table is wrong; `name` is its path inside the table."""

    def __init__(self, name: str, value: object, reason: object) -> None:
        super().__init__(str(reason))
        self.name = name
        self.value = value


def text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("must be a string, and not an empty one")
    return value


def endpoint(value: object) -> str:
    """Read a URL whose placeholders are filled in from the client's parameters."""
    return check_template(text(value))


def link(value: object) -> str:
    """Read a URL for people, which may lead to a section of a page."""
    url = text(value)
    check_url(url.partition("#")[0])
    return url


def truth(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("must be true or false")  # noqa: TRY004 - one kind of error for all readers
    return value


def seconds(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
        raise ValueError("must be a number of seconds, 1 or more")
    return value


def texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise ValueError("must be a list of strings")  # noqa: TRY004
    return tuple(text(item) for item in value)


def lists(value: object) -> dict[str, tuple[str, ...]]:
    if not isinstance(value, dict):
        raise ValueError("must be a table of lists")  # noqa: TRY004
    return {name: texts(item) for name, item in value.items()}


def table(value: object) -> dict[str, str]:
    if not isinstance(value, dict):
        raise ValueError("must be a table of strings")  # noqa: TRY004
    return {name: _inside(name, item, text) for name, item in value.items()}


def table_without(reserved: frozenset[str]) -> Reader:
    """Make the reader of a table of parameters in which these names are not allowed."""

    def read(value: object) -> dict[str, str]:
        found = table(value)
        if taken := reserved.intersection(found):
            name = min(taken)
            raise WrongInside(name, found[name], f"{name} belongs to the protocol; an entry cannot set it")
        return found

    return read


def templates(value: object) -> tuple[str, ...]:
    """Read templates such as `{user.id}`, which name fields of claims or of a response."""
    return tuple(_template(item) for item in texts(value))


def _template(template: str) -> str:
    if not PLACE.search(template) or {"{", "}"} & set(PLACE.sub("", template)):
        raise ValueError("must name a field in braces, such as {email} or {user.id}")
    return template


def sources(value: object) -> tuple[str, ...]:
    return tuple(link(source) if is_link(source) else check_source(source) for source in texts(value))


def error_words(value: object) -> dict[str, str]:
    words = table(value)
    if unknown := set(words.values()) - ERRORS:
        raise ValueError(f"{min(unknown)} is none of {', '.join(sorted(ERRORS))}")
    return words


def one_of(*allowed: str) -> Reader:
    """Make the reader of a choice."""

    def read(value: object) -> str:
        if value not in allowed:
            near = difflib.get_close_matches(str(value), allowed, 1)
            offer = f"; did you mean {near[0]}?" if near else ""
            raise ValueError(f"must be one of {', '.join(map(repr, allowed))}{offer}")
        return str(value)

    return read


def some_of(*allowed: str) -> Reader:
    """Make the reader of a list of choices."""
    one = one_of(*allowed)
    return lambda value: tuple(one(item) for item in texts(value))


def quirk(value: object) -> Quirk:
    return QUIRKS[one_of(*QUIRKS)(value)]


def parameters(value: object) -> tuple[Parameter, ...]:
    if not isinstance(value, dict):
        raise ValueError("must be a table")  # noqa: TRY004
    return tuple(_inside(name, item, functools.partial(_parameter, name)) for name, item in value.items())


def _parameter(name: str, value: object) -> Parameter:
    if not isinstance(value, dict) or not value.get("help"):
        raise ValueError(f"{name} needs help, and may have a default")
    for key, item in value.items():
        if key not in PARAMETER_KEYS:
            raise WrongInside(key, item, f"{name} needs help, and may have a default; nothing else")
        if not isinstance(item, str):
            raise WrongInside(key, item, "must be a string")
    return Parameter(name=name, help=value["help"], default=value.get("default"))


def day(value: object) -> str:
    if not isinstance(value, date):
        raise ValueError("must be a date such as 2026-11-30")  # noqa: TRY004
    return value.isoformat()


def _inside(name: str, value: object, reader: Reader) -> Any:  # noqa: ANN401
    try:
        return reader(value)
    except WrongInside as error:
        raise WrongInside(f"{name}.{error.name}", error.value, error) from None
    except ValueError as error:
        raise WrongInside(name, value, error) from None
