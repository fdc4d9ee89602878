"""Readers of the values in a catalogue entry."""

from __future__ import annotations

import difflib
import functools
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

from everyauth_cli.services.quirks import QUIRKS
from everyauth_cli.services.rules import GRANT_TYPE, TEMPLATE_FIELD, Parameter, Quirk
from everyauth_cli.services.sources import check_source, is_link
from everyauth_cli.urls import check_link, check_template, check_url, host, origin

# The parameters that the protocol sets itself; no entry may set them.
AUTHORIZE_RESERVED = frozenset(
    {"response_type", "client_id", "redirect_uri", "scope", "state", "nonce", "response_mode", "request_uri"}
    | {"code_challenge", "code_challenge_method"}
)
TOKEN_RESERVED = frozenset(
    {"grant_type", "code", "redirect_uri", "client_id", "client_secret", "code_verifier", "refresh_token", "scope"}
)
ERRORS = frozenset(
    {"access_denied", "invalid_request", "invalid_client", "invalid_grant", "unauthorized_client"}
    | {"unsupported_grant_type", "invalid_scope", "invalid_token", "unsupported_token_type", "temporarily_unavailable"}
    | {"authorization_pending", "slow_down", "expired_token"}
)
"""The errors of RFC 6749 sections 4.1.2.1 and 5.2, RFC 6750 section 3.1, RFC 7009 section 2.2.1 and RFC 8628 3.5."""
ERROR_PLACE = re.compile(r"[A-Za-z0-9_]+(?:\.[A-Za-z0-9_]+)*=\S(?:.*\S)?")
"""An error that a field of the response has for its value, which may be inside an object or list."""
HEADER_NAME = re.compile(r"[A-Za-z0-9-]{1,60}")
OUR_HEADERS = frozenset(
    {"authorization", "connection", "content-length", "content-type", "cookie", "expect", "host", "te", "upgrade"}
    | {"accept-encoding", "proxy-authorization", "transfer-encoding", "user-agent"}
)
VARIABLE = re.compile(r"[A-Z][A-Z0-9_]{1,60}")
LONGEST_PATTERN = 200
FIXED_GROUP = re.compile(r"\([^()+*?|,]{1,100}\)\{[0-9]{1,2}\}")
VARYING = re.compile(r"[+*?]|\{[0-9]{0,9},")
MOST_VARYING = 3
"""Parts of a pattern whose length varies: with as many, and none inside a group, it soon ends on a text of an id."""
MOST_SECONDS = 10**9
"""About 30 years: no token lives longer."""
NO_CALLBACK = ("code", "error", "error_description", "iss")
PARAMETER_KEYS = ("help", "default", "callback", "values")


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads the values of one `type`; `read` returns the checked value or raises `ValueError` with the reason."""

    type: str
    read: Callable[[Any], Any]


class WrongInside(ValueError):
    """One value of a table is wrong; `name` is its path inside the table."""

    def __init__(self, name: str, value: object, reason: object) -> None:
        super().__init__(str(reason))
        self.name = name
        self.value = value


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("must be a string, and not an empty one")
    return value


def _endpoint(value: object) -> str:
    return check_template(_text(value))


def _link(value: object) -> str:
    return check_link(_text(value))


def _sourced_hosts(value: object) -> dict[str, str]:
    found = _table(value)
    for name, source in found.items():
        if host(f"https://{name}") != name:
            raise WrongInside(name, source, "it is no host, in lower case and without a port")
        try:
            check_url(f"https://{name}")
            _link(source)
        except ValueError as error:
            raise WrongInside(name, source, str(error)) from None
    return found


def _origins(value: object) -> tuple[str, ...]:
    origins = _texts(value)
    if wrong := [item for item in origins if origin(check_url(item)) != item]:
        raise ValueError(f"{wrong[0]} is not an origin, such as https://old.example.com")
    return origins


def _truth(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("must be true or false")  # noqa: TRY004 - one kind of error for all readers
    return value


def _seconds(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= MOST_SECONDS:
        raise ValueError(f"must be a number of seconds, 1 or more and {MOST_SECONDS} at most")
    return value


def _seconds_or_none(value: object) -> int:
    return 0 if value == 0 and not isinstance(value, bool) else _seconds(value)


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise ValueError("must be a list of strings")  # noqa: TRY004
    return tuple(_text(item) for item in value)


def _lists(value: object) -> dict[str, tuple[str, ...]]:
    if not isinstance(value, dict):
        raise ValueError("must be a table of lists")  # noqa: TRY004
    return {name: _texts(item) for name, item in value.items()}


def _table(value: object) -> dict[str, str]:
    if not isinstance(value, dict):
        raise ValueError("must be a table of strings")  # noqa: TRY004
    return {name: inside(name, item, _text) for name, item in value.items()}


def _tables(value: object) -> dict[str, dict[str, object]]:
    if not isinstance(value, dict):
        raise ValueError("must be a table of tables")  # noqa: TRY004
    for name, item in value.items():
        if not isinstance(item, dict):
            raise WrongInside(name, item, "must be a table")
    return value


def _templates(value: object) -> tuple[str, ...]:
    return tuple(_template(item) for item in _texts(value))


def _template(template: str) -> str:
    if not TEMPLATE_FIELD.search(template) or {"{", "}"} & set(TEMPLATE_FIELD.sub("", template)):
        raise ValueError("must name a field in braces, such as {email} or {user.id}")
    return template


def _pattern(value: object) -> str:
    text = _text(value)
    parts = FIXED_GROUP.sub("", text[: LONGEST_PATTERN + 1])
    if len(text) > LONGEST_PATTERN or {"(", ")", "|"} & set(parts) or len(VARYING.findall(parts)) > MOST_VARYING:
        raise ValueError(
            f"must be short, of at most {MOST_VARYING} parts that vary in length, and without other groups"
        )
    try:
        re.compile(text)
    except (re.error, OverflowError) as error:
        raise ValueError(f"is no regular expression: {error}") from None
    return text


def _sources(value: object) -> tuple[str, ...]:
    return tuple(_link(source) if is_link(source) else check_source(source) for source in _texts(value))


def _error_words(value: object) -> dict[str, str]:
    words = _table(value)
    if unknown := set(words.values()) - ERRORS:
        raise ValueError(f"{min(unknown)} is none of {', '.join(sorted(ERRORS))}")
    if wrong := [word for word in words if "=" in word and not ERROR_PLACE.fullmatch(word)]:
        raise WrongInside(wrong[0], words[wrong[0]], "must be a code, or a field and its value: errors.0.code=invalid")
    return words


def _grant_types(value: object) -> tuple[str, ...]:
    found = _texts(value)
    if wrong := [item for item in found if not GRANT_TYPE.fullmatch(item)]:
        raise ValueError(f"{wrong[0]} is no grant type, such as client_credentials")
    return found


def _api_base(value: object) -> str:
    text = _text(value)
    # A field of the token response may be the whole origin.
    check_url(TEMPLATE_FIELD.sub("x", re.sub(r"^\{[A-Za-z0-9_.]+\}(?=/|$)", "https://x.example", text)))
    return text


def _headers(value: object) -> dict[str, str]:
    found = _table(value)
    for name, text in found.items():
        if not HEADER_NAME.fullmatch(name) or name.lower() in OUR_HEADERS:
            raise WrongInside(name, text, "is no name of a header that an entry can set")
        if not (text.isascii() and text.isprintable()):
            raise WrongInside(name, text, "must be one line of ASCII")
    return found


def _variables(value: object) -> tuple[str, ...]:
    found = _texts(value)
    if wrong := [item for item in found if not VARIABLE.fullmatch(item)]:
        raise ValueError(f"{wrong[0]} is no name of an environment variable, such as ACME_TOKEN")
    return found


def _hosts(value: object) -> tuple[str, ...]:
    found = _texts(value)
    for item in found:
        if "/" in check_template(f"https://{item}").removeprefix("https://"):
            raise ValueError(f"{item} is not a host, such as git.example.com")
    return found


def _parameters(value: object) -> tuple[Parameter, ...]:
    if not isinstance(value, dict):
        raise ValueError("must be a table")  # noqa: TRY004
    return tuple(inside(name, item, functools.partial(_parameter, name)) for name, item in value.items())


def _parameter(name: str, value: object) -> Parameter:
    if not isinstance(value, dict) or not value.get("help"):
        raise ValueError(f"{name} needs help, and may have a default")
    for key, item in value.items():
        if key not in PARAMETER_KEYS:
            raise WrongInside(
                key, item, f"{name} needs help, and may have a default, callback and values; nothing else"
            )
        if not isinstance(item, str) and key != "values":
            raise WrongInside(key, item, "must be a string")
    callback, found = value.get("callback", ""), value.get("values", {})
    if callback in NO_CALLBACK or ("callback" in value and not callback):
        raise WrongInside("callback", callback, "must be a parameter of the authorization response, beside the code")
    return Parameter(
        name=name,
        help=value["help"],
        # Who logs in need not know it: the authorization response says it.
        default=value.get("default", "" if callback else None),
        callback=callback,
        values=inside("values", found, _table),
    )


def _quirk(value: object) -> Quirk:
    return QUIRKS[choice(*QUIRKS).read(value)]


def _day(value: object) -> str:
    if not isinstance(value, date):
        raise ValueError("must be a date such as 2026-11-30")  # noqa: TRY004
    return value.isoformat()


def _color(value: object) -> str:
    if not re.fullmatch(r"#[0-9a-fA-F]{6}", _text(value)):
        raise ValueError("must be a color such as #2451c7")
    return _text(value).lower()


def inside(name: str, value: object, read: Callable[[Any], Any]) -> Any:  # noqa: ANN401
    """Read one value of a table; an error names its path."""
    try:
        return read(value)
    except WrongInside as error:
        raise WrongInside(f"{name}.{error.name}", error.value, error) from None
    except ValueError as error:
        raise WrongInside(name, value, error) from None


def choice(*allowed: str) -> Reader:
    """Make the reader of one of these."""

    def read(value: object) -> str:
        if isinstance(value, str) and value in allowed:
            # Returns the member where they are those of a StrEnum.
            return allowed[allowed.index(value)]
        near = difflib.get_close_matches(str(value), allowed, 1)
        offer = f"; did you mean {near[0]}?" if near else ""
        raise ValueError(f"must be one of {listed(allowed)}{offer}")

    return Reader(f"one of {listed(allowed)}", read)


def choices(*allowed: str) -> Reader:
    """Make the reader of a list of these."""
    one = choice(*allowed)
    return Reader(f"list of {listed(allowed)}", lambda value: tuple(one.read(item) for item in _texts(value)))


def table_without(reserved: frozenset[str]) -> Reader:
    """Make the reader of a table of parameters in which these names are not allowed."""

    def read(value: object) -> dict[str, str]:
        found = _table(value)
        if taken := reserved.intersection(found):
            name = min(taken)
            raise WrongInside(name, found[name], f"{name} belongs to the protocol; an entry cannot set it")
        return found

    return Reader(TABLE.type, read)


def listed(allowed: tuple[str, ...]) -> str:
    """Return words as an error lists them."""
    return ", ".join(f'"{item}"' for item in allowed)


TEXT = Reader("string", _text)
ENDPOINT = Reader("https URL, may have placeholders", _endpoint)
ORIGINS = Reader("list of origins", _origins)
LINK = Reader("https URL", _link)
SOURCED_HOSTS = Reader("table of hosts, each with the URL of its source", _sourced_hosts)
TRUTH = Reader("true or false", _truth)
SECONDS = Reader("number of seconds", _seconds)
SECONDS_OR_NONE = Reader("number of seconds, or 0", _seconds_or_none)
TEXTS = Reader("list of strings", _texts)
LISTS = Reader("table of lists of strings", _lists)
TABLE = Reader("table of strings", _table)
TABLES = Reader("table of tables", _tables)
PATTERN = Reader("regular expression", _pattern)
TEMPLATES = Reader("list of templates", _templates)
SOURCES = Reader("list of https URLs and names of catalogues", _sources)
GRANT_TYPES = Reader("list of grant types", _grant_types)
API_BASE = Reader("https URL, may have placeholders and fields", _api_base)
HEADERS = Reader("table of headers", _headers)
VARIABLES = Reader("list of environment variables", _variables)
HOSTS = Reader("list of hosts, may have placeholders", _hosts)
ERROR_WORDS = Reader("table of error codes", _error_words)
PARAMETERS = Reader("table of tables with help and default", _parameters)
QUIRK = Reader(f"one of {listed(tuple(QUIRKS))}", _quirk)
COLOR = Reader("color", _color)
DAY = Reader("date", _day)
