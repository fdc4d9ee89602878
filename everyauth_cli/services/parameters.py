"""Checks a value for a placeholder: host labels in a host, one segment in a path, any text elsewhere."""

from __future__ import annotations

import difflib
import re
from urllib.parse import urlsplit

from everyauth_cli.errors import ConfigurationProblem
from everyauth_cli.model import Service
from everyauth_cli.services.endpoints import urls_of
from everyauth_cli.services.placeholders import placeholders_in_urls
from everyauth_cli.urls import HOST_LABELS, PLACEHOLDER

LONGEST_URL = 300
"""A host has at most 253 characters (RFC 1035 section 2.3.4)."""
SEGMENT = re.compile(r"[A-Za-z0-9_~-][A-Za-z0-9._~-]*")
"""A segment of a path that leads nowhere else (RFC 3986 section 3.3)."""


def check_param(service: Service, name: str, value: str) -> None:
    """Check a value that fills a placeholder: it must be fit for the place where it goes.

    Raises `ConfigurationProblem`.
    """
    known = [p.name for p in service.params]
    if name not in known:
        near = difflib.get_close_matches(name, known, 1)
        offer = f"it has {', '.join(known)}" if known else "it has none"
        raise ConfigurationProblem(
            f"{service.name} has no further setting {name!r}; {offer}",
            hint=f"did you mean {near[0]}? everyauth service set {service.name} --param {near[0]}=..."
            if near
            else None,
        )
    if name not in placeholders_in_urls(service):
        if not value.isprintable():
            raise ConfigurationProblem(f"{name} holds characters that cannot be shown")
        return
    meant = _placed(service, name, value)
    if meant is None and _fits(service, name, value):
        return
    raise ConfigurationProblem(
        f"{name}={value!r} cannot be part of a {'host name' if _hosts(service, name) else 'path'}"
        if meant is None
        else f"{name}={value!r} is more than the part of the host name that is wanted",
        hint=f"did you mean {meant}? everyauth service set {service.name} --param {name}={meant}"
        if meant
        else "letters, digits, - and .",
    )


def _hosts(service: Service, name: str) -> list[str]:
    """The hosts that a placeholder is part of, as they are written."""
    hosts = [urlsplit(url).netloc for url in urls_of(service).values()]
    return [host for host in hosts if name in PLACEHOLDER.findall(host)]


def _fits(service: Service, name: str, value: str) -> bool:
    """Whether a value may stand where its placeholder does: in a host, with a port only at its end, or in a path."""
    hosts = _hosts(service, name)
    if not hosts:
        return SEGMENT.fullmatch(value) is not None
    ends = all(host.endswith(f"{{{name}}}") for host in hosts)
    return HOST_LABELS.fullmatch(value) is not None and (ends or ":" not in value)


def _placed(service: Service, name: str, value: str) -> str | None:
    """What stands in the placeholder's place when a whole host name or URL was given for it."""
    host = re.sub(r"^[a-z]+://", "", value[:LONGEST_URL]).partition("/")[0]
    for url in urls_of(service).values():
        # Every second part is the name of a placeholder.
        parts = PLACEHOLDER.split(urlsplit(url).netloc)
        if name not in parts[1::2]:
            continue
        # At most one of them may be of several labels, so that the time does not grow with the power of their number.
        wanted = 1 + 2 * parts[1::2].index(name)
        pattern = [
            ("(.+)" if at == wanted else "[^.]++") if at % 2 else re.escape(part) for at, part in enumerate(parts)
        ]
        match = re.fullmatch("".join(pattern), host)
        if match and HOST_LABELS.fullmatch(match[1]) and match[1] != value:
            return match[1]
    return None
