"""Checks a value for a placeholder: host labels in a host, one segment in a path, any text elsewhere."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from urllib.parse import urlsplit

from everyauth_cli.errors import ConfigurationProblem
from everyauth_cli.model import Service
from everyauth_cli.services.endpoints import urls_of
from everyauth_cli.urls import HOST_LABELS, PLACEHOLDER, check_url

SHOWN = 80
"""Characters of a value that an error shows at most."""
LONGEST_URL = 300
"""A host has at most 253 characters (RFC 1035 section 2.3.4)."""
SEGMENT = re.compile(r"[A-Za-z0-9_~-][A-Za-z0-9._~-]*")
"""A path segment that is neither empty nor a dot segment (RFC 3986 section 3.3)."""


def check_param(service: Service, name: str, value: str) -> None:
    """Check a value for a placeholder: it must fit the host or path that the placeholder is in.

    Raises `ConfigurationProblem`.
    """
    param = next((param for param in service.params if param.name == name), None)
    if param is None:
        raise _unknown(service, name)
    if param.values and value not in param.values:
        raise ConfigurationProblem(
            f"{name}={value[:SHOWN]!r} is none of {', '.join(param.values)}",
            hint=f"everyauth service set {service.name} --param {name}={next(iter(param.values))}",
        )
    if urls := [url for url in urls_of(service).values() if name in PLACEHOLDER.findall(url)]:
        if not param.values:
            _check_part(service, name, value)
        _check_in_urls(service, name, param.text(value), urls)
    elif not value.isprintable():
        raise ConfigurationProblem(f"the value of {name} has characters that cannot be shown")


def _unknown(service: Service, name: str) -> ConfigurationProblem:
    known = [param.name for param in service.params]
    near = difflib.get_close_matches(name, known, 1)
    hint = f"did you mean {near[0]}? everyauth service set {service.name} --param {near[0]}=..." if near else None
    offer = f"it has {', '.join(known)}" if known else "it has none"
    return ConfigurationProblem(f"{service.name} has no parameter {name!r}; {offer}", hint=hint)


def _check_part(service: Service, name: str, value: str) -> None:
    """Check that a value is not a whole host name, of which the placeholder is a part."""
    part = part_of_host(service, name, value)
    if part is not None:
        raise ConfigurationProblem(
            f"{name}={value!r} is a whole host name, of which {name} is only a part",
            hint=f"did you mean {part}? everyauth service set {service.name} --param {name}={part}",
        )


def _check_in_urls(service: Service, name: str, value: str, urls: Sequence[str]) -> None:
    if not _fits(service, name, value):
        place = "host name" if _hosts(service, name) else "path"
        raise ConfigurationProblem(f"{name}={value!r} cannot be part of a {place}", hint="use letters, digits, - and .")
    for url in urls:
        try:
            check_url(PLACEHOLDER.sub(lambda match: value if match[1] == name else "x", url))
        except ValueError as error:
            raise ConfigurationProblem(f"{name}={value!r} cannot be part of {url}: {error}") from None


def _hosts(service: Service, name: str) -> list[str]:
    """Return the hosts that a placeholder is part of, as the entry has them."""
    hosts = [urlsplit(url).netloc for url in urls_of(service).values()]
    return [host for host in hosts if name in PLACEHOLDER.findall(host)]


def _fits(service: Service, name: str, value: str) -> bool:
    """Whether a value fits its placeholder's place: in a host, with a port only at its end, or in a path."""
    hosts = _hosts(service, name)
    if not hosts:
        return SEGMENT.fullmatch(value) is not None
    ends = all(host.endswith(f"{{{name}}}") for host in hosts)
    return HOST_LABELS.fullmatch(value) is not None and (ends or ":" not in value)


def part_of_host(service: Service, name: str, value: str) -> str | None:
    """Return the part of a whole host name or URL that belongs in the placeholder, where one was given."""
    host = re.sub(r"^[a-z]+://", "", value[:LONGEST_URL]).partition("/")[0]
    for url in urls_of(service).values():
        # Every second part is the name of a placeholder.
        parts = PLACEHOLDER.split(urlsplit(url).netloc)
        if name not in parts[1::2]:
            continue
        # Only one of them may have several labels: with more, the time would grow as a power of their number.
        position = 1 + 2 * parts[1::2].index(name)
        pattern = [
            ("(.+)" if at == position else "[^.]++") if at % 2 else re.escape(part) for at, part in enumerate(parts)
        ]
        match = re.fullmatch("".join(pattern), host)
        if match and HOST_LABELS.fullmatch(match[1]) and match[1] != value:
            return match[1]
    return None
