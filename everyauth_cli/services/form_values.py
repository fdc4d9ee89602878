"""Readers of the values in a catalogue entry that describe the form of requests and responses."""

from __future__ import annotations

import re
from collections.abc import Callable

from everyauth_cli.services.rules import FORM_VALUES, RequestKind
from everyauth_cli.services.values import ERROR_PLACE, TABLE, TEXT, Reader, WrongInside, choice, inside, listed
from everyauth_cli.urls import PLACEHOLDER

FIELD_PATH = re.compile(r"[A-Za-z0-9_]+(?:\.[A-Za-z0-9_]+)*")
FIELD_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,60}")
SCHEME_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,30}")
AUTHORIZATION = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,30} \{(?:token|client_secret)\}")
"""Credentials of a request (RFC 9110 section 11.4)."""
RENAMED = (
    "client_id",
    "client_secret",
    "code",
    "redirect_uri",
    "refresh_token",
    "grant_type",
    "scope",
    "response_type",
)
"""The fields that services have other names for."""
_KIND = choice(*RequestKind)
_METHOD = choice("GET", "POST", "DELETE")


def table_of(*names: str) -> Reader:
    """Make the reader of a table of strings with these names only."""

    def read(value: object) -> dict[str, str]:
        found: dict[str, str] = TABLE.read(value)
        if unknown := set(found) - set(names):
            name = min(unknown)
            raise WrongInside(name, found[name], f"its name is none of {listed(names)}")
        return found

    return Reader(TABLE.type, read)


def _form(value: object) -> dict[str, str]:
    """Read the fields of a request; what a request fills in is a whole value, since some of it is secret."""
    found: dict[str, str] = TABLE.read(value)
    for name, text in found.items():
        names = set(PLACEHOLDER.findall(text)) & FORM_VALUES
        if names and text != f"{{{min(names)}}}":
            raise WrongInside(name, text, f"{{{min(names)}}} must be the whole value")
    return found


def _names(value: object) -> dict[str, str]:
    names: dict[str, str] = TABLE.read(value)
    for name, text in names.items():
        if name not in RENAMED:
            raise WrongInside(name, text, f"is none of {listed(RENAMED)}")
        if not FIELD_NAME.fullmatch(text) or text in RENAMED or [*names.values()].count(text) > 1:
            raise WrongInside(name, text, "must be another name of a field, and of no other field")
    return names


def _methods(value: object) -> dict[RequestKind, str]:
    found: dict[str, str] = TABLE.read(value)
    return {_KIND.read(name): inside(name, method, _METHOD.read) for name, method in found.items()}


def _matching(pattern: re.Pattern[str], reason: str) -> Callable[[object], str]:
    """Return a function that reads a text of that pattern, and raises `ValueError` with the reason for another."""

    def read(value: object) -> str:
        text: str = TEXT.read(value)
        if not pattern.fullmatch(text):
            raise ValueError(reason)
        return text

    return read


FORM = Reader("table of strings", _form)
NAMES = Reader("table of names of fields", _names)
METHODS = Reader("table of methods", _methods)
PATH = Reader("path of a field", _matching(FIELD_PATH, "must be the path of a field, such as body or data.0"))
PLACE = Reader("field and its value", _matching(ERROR_PLACE, "must be a field and its value, such as status=0"))
SCHEME = Reader("name of a scheme", _matching(SCHEME_NAME, "must be the name of a scheme, such as OAuth2"))
AUTHORIZATION_HEADER = Reader(
    "scheme and its credentials",
    _matching(AUTHORIZATION, "must be a scheme and {token} or {client_secret}, such as Bearer {client_secret}"),
)
