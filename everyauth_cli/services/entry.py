"""One catalogue entry: which keys it may have, what each takes, and the service that it makes."""

from __future__ import annotations

import difflib
import functools
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from typing import Any
from urllib.parse import urlsplit

from everyauth_cli.errors import ConfigurationProblem
from everyauth_cli.model import ACCESS_TOKEN, ASYMMETRIC, PLACE, REFRESH_TOKEN, SYMMETRIC, Parameter, Quirk, Service
from everyauth_cli.services.placeholders import PLACEHOLDER, TABLES, URLS, check_placeholders
from everyauth_cli.services.quirks import QUIRKS
from everyauth_cli.services.sources import check_source, is_link

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
LABELS = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*(:[0-9]{1,5})?")
LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "::1")

AUTHORIZE_RESERVED = frozenset(
    {"response_type", "client_id", "redirect_uri", "scope", "state", "nonce", "response_mode"}
    | {"code_challenge", "code_challenge_method"}
)
"""Parameters of the authorization request that the protocol owns; no entry may set them."""

TOKEN_RESERVED = frozenset(
    {"grant_type", "code", "redirect_uri", "client_id", "client_secret", "code_verifier", "refresh_token", "scope"}
)
"""The same for the token request."""

ERRORS = frozenset(
    {"invalid_request", "invalid_client", "invalid_grant", "unauthorized_client", "unsupported_grant_type"}
    | {"invalid_scope", "invalid_token", "unsupported_token_type"}
)
"""The errors of RFC 6749 section 5.2, RFC 6750 section 3.1 and RFC 7009 section 2.2.1."""

Reader = Callable[[Any], Any]
Where = Callable[[str], str]
"""Says in which file, and at which line of it, a key stands; one inside of a table has that before it, and a point."""


class _WrongInside(ValueError):
    """What is wrong with one value of a table."""

    def __init__(self, name: str, value: Any, reason: object) -> None:  # noqa: ANN401 - TOML
        super().__init__(str(reason))
        self.name = name
        self.value = value


def make_service(name: str, entry: Mapping[str, Any], *, where: Where, own: bool) -> Service:
    """The service that an entry describes.

    `where` tells the place of a key for errors; `own` says that the entry is the user's alone.
    Raises `ConfigurationProblem`, which names the key and the way out.
    """
    if not NAME.fullmatch(name):
        raise ConfigurationProblem(f"{name!r} cannot be a service's name: use a-z, 0-9 and -")
    fields = {key: _read(key, value, where) for key, value in entry.items()}
    for needed in ("authorize_url", "token_url"):
        if needed not in fields:
            raise ConfigurationProblem(f"{where(needed)}: {needed} is missing")
    service = Service(name=name, own=own, **{"title": name, **fields})
    check_placeholders(service, where)
    if service.iss_always and service.issuer is None:
        raise ConfigurationProblem(f"{where('iss_always')}: iss_always needs an issuer to compare with")
    return service


def fill(service: Service, params: Mapping[str, str]) -> Service:
    """The service with the placeholders of its URLs filled in from `params` and their defaults.

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

    urls = {name: filled(url) for name in URLS if (url := getattr(service, name))}
    tables = {
        # What an empty setting is all of is left out.
        name: {key: text for key, value in getattr(service, name).items() if (text := filled(value))}
        for name in TABLES
    }
    changes: dict[str, Any] = {**urls, **tables}
    return replace(service, **changes)


def check_url(url: str) -> str:
    """An endpoint's URL, checked: https, or http on a loopback host; no user, no fragment (RFC 6749 section 3.1).

    Raises `ValueError` with the reason.
    """
    plain = PLACEHOLDER.sub("x", url)
    parts = urlsplit(plain)
    if parts.scheme not in ("https", "http") or not parts.hostname:
        raise ValueError("it is no https URL")
    if not re.fullmatch(r"[!-z|~]+", plain) or not _is_host(parts.hostname) or parts.port == 0:
        raise ValueError("it is no URL")
    if parts.scheme == "http" and parts.hostname not in LOOPBACK_HOSTS:
        raise ValueError("plain http would show secrets to the network; only https will do (http on loopback hosts)")
    if parts.username or parts.password or parts.fragment:
        raise ValueError("it holds a user name, a password or a fragment")
    return url


def is_loopback(url: str) -> bool:
    """Whether a URL leads to this machine."""
    return urlsplit(url).hostname in LOOPBACK_HOSTS


def _is_host(name: str) -> bool:
    return name == "::1" or LABELS.fullmatch(name) is not None


def _read(key: str, value: Any, where: Where) -> Any:  # noqa: ANN401 - TOML
    reader = READERS.get(key)
    if reader is None:
        near = difflib.get_close_matches(key, READERS, 1)
        hint = f"did you mean {near[0]}?" if near else "the keys are " + ", ".join(READERS)
        raise ConfigurationProblem(f"{where(key)}: unknown key {key}", hint=hint)
    try:
        return reader(value)
    except _WrongInside as error:
        path = f"{key}.{error.name}"
        raise ConfigurationProblem(f"{where(path)}: {path} = {error.value!r}: {error}") from None
    except ValueError as error:
        raise ConfigurationProblem(f"{where(key)}: {key} = {value!r}: {error}") from None


def _text(value: Any) -> str:  # noqa: ANN401
    if not isinstance(value, str) or not value:
        raise ValueError("a text is wanted")
    return value


def _url(value: Any) -> str:  # noqa: ANN401
    return check_url(_text(value))


def _truth(value: Any) -> bool:  # noqa: ANN401
    if not isinstance(value, bool):
        raise ValueError("true or false is wanted")  # noqa: TRY004 - one kind of error for all readers
    return value


def _seconds(value: Any) -> int:  # noqa: ANN401
    if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
        raise ValueError("a number of seconds is wanted")
    return value


def _texts(value: Any) -> tuple[str, ...]:  # noqa: ANN401
    if not isinstance(value, list):
        raise ValueError("a list of texts is wanted")  # noqa: TRY004
    return tuple(_text(item) for item in value)


def _lists(value: Any) -> dict[str, tuple[str, ...]]:  # noqa: ANN401
    if not isinstance(value, dict):
        raise ValueError("a table of lists is wanted")  # noqa: TRY004
    return {name: _texts(item) for name, item in value.items()}


def _template(value: Any) -> str:  # noqa: ANN401
    text = _text(value)
    if not PLACE.search(text) or {"{", "}"} & set(PLACE.sub("", text)):
        raise ValueError("a text with places in it is wanted, such as {email} or {user.id}")
    return text


def _templates(value: Any) -> tuple[str, ...]:  # noqa: ANN401
    return tuple(_template(text) for text in _texts(value))


def _sources(value: Any) -> tuple[str, ...]:  # noqa: ANN401
    return tuple(_link(source) if is_link(source) else check_source(source) for source in _texts(value))


def _link(source: str) -> str:
    """A link to documentation, which may lead to a place in a page."""
    check_url(source.partition("#")[0])
    return source


def _table(value: Any) -> dict[str, str]:  # noqa: ANN401
    if not isinstance(value, dict):
        raise ValueError("a table of texts is wanted")  # noqa: TRY004
    return {name: _inside(name, item, _text) for name, item in value.items()}


def _inside(name: str, value: Any, reader: Reader) -> Any:  # noqa: ANN401
    try:
        return reader(value)
    except _WrongInside as error:
        raise _WrongInside(f"{name}.{error.name}", error.value, error) from None
    except ValueError as error:
        raise _WrongInside(name, value, error) from None


def _fields_but(reserved: frozenset[str]) -> Reader:
    def read(value: Any) -> dict[str, str]:  # noqa: ANN401
        table = _table(value)
        if taken := reserved.intersection(table):
            name = min(taken)
            raise _WrongInside(name, table[name], f"{name} belongs to the protocol and cannot be set")
        return table

    return read


def _errors(value: Any) -> dict[str, str]:  # noqa: ANN401
    table = _table(value)
    if unknown := set(table.values()) - ERRORS:
        raise ValueError(f"{min(unknown)} is none of {', '.join(sorted(ERRORS))}")
    return table


def _one_of(*allowed: str) -> Reader:
    def read(value: Any) -> str:  # noqa: ANN401
        if value not in allowed:
            near = difflib.get_close_matches(str(value), allowed, 1)
            offer = f"; did you mean {near[0]}?" if near else ""
            raise ValueError(f"one of {', '.join(map(repr, allowed))} is wanted{offer}")
        return str(value)

    return read


def _some_of(*allowed: str) -> Reader:
    one = _one_of(*allowed)
    return lambda value: tuple(one(item) for item in _texts(value))


def _quirk(value: Any) -> Quirk:  # noqa: ANN401
    return QUIRKS[_one_of(*QUIRKS)(value)]


def _params(value: Any) -> tuple[Parameter, ...]:  # noqa: ANN401
    if not isinstance(value, dict):
        raise ValueError("a table is wanted")  # noqa: TRY004
    return tuple(_inside(name, about, functools.partial(_parameter, name)) for name, about in value.items())


def _parameter(name: str, about: Any) -> Parameter:  # noqa: ANN401
    if not isinstance(about, dict) or not about.get("help"):
        raise ValueError(f"{name} takes help, and default if it has one")
    for key, text in about.items():
        if key not in ("help", "default"):
            raise _WrongInside(key, text, f"{name} takes help, and default if it has one")
        if not isinstance(text, str):
            raise _WrongInside(key, text, "a text is wanted")
    return Parameter(name=name, help=about["help"], default=about.get("default"))


def _date(value: Any) -> str:  # noqa: ANN401
    if not isinstance(value, date):
        raise ValueError("a date is wanted")  # noqa: TRY004
    return value.isoformat()


READERS: dict[str, Reader] = {
    "title": _text,
    "docs": _url,
    "authorize_url": _url,
    "token_url": _url,
    "refresh_url": _url,
    "revoke_url": _url,
    "revokes": _one_of("token", "grant"),
    "revoke_auth": _one_of("client", "bearer", "none"),
    "revoke_body": _one_of("form", "json"),
    "revoke_tokens": _some_of(REFRESH_TOKEN, ACCESS_TOKEN),
    "revoke_as": _one_of("token_and_hint", "token", "type"),
    "aliases": _texts,
    "issuer": _url,
    "iss_always": _truth,
    "jwks_url": _url,
    "id_token_issuers": _texts,
    "id_token_audiences": _texts,
    "id_token_algorithms": _some_of(*ASYMMETRIC, *SYMMETRIC),
    "scopes": _texts,
    "scope_separator": _one_of(" ", ",", "+", ";"),
    "scope_field": _text,
    "scope_covers": _lists,
    "authorize_params": _fields_but(AUTHORIZE_RESERVED),
    "token_params": _fields_but(TOKEN_RESERVED),
    "client_auth": _one_of("post", "basic", "basic_or_empty", "none"),
    "body": _one_of("form", "json"),
    "pkce": _truth,
    "refresh_redirect_uri": _truth,
    "loopback_host": _one_of("127.0.0.1", "localhost"),
    "https_redirect": _truth,
    "any_port": _truth,
    "code_life": _seconds,
    "expires_field": _text,
    "default_life": _seconds,
    "error_words": _errors,
    "keep_callback": _texts,
    "native": _texts,
    "native_from_client": _table,
    "account_in_answer": _truth,
    "account_query": _text,
    "account_url": _url,
    "account_subject": _templates,
    "account_label": _templates,
    "params": _params,
    "quirk": _quirk,
    "setup": _texts,
    "expect": _texts,
    "sources": _sources,
    "checked": _date,
}
"""Every key of an entry and what reads its value; the names are the fields of `Service`."""
