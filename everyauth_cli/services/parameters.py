"""The values that fill a service's placeholders: what becomes part of a URL must be host labels."""

from __future__ import annotations

import difflib
import re
from urllib.parse import urlsplit

from everyauth_cli.errors import ConfigurationProblem
from everyauth_cli.model import Service
from everyauth_cli.services.entry import LABELS, PLACEHOLDER, URLS, placeholders_in_urls


def check_param(service: Service, name: str, value: str) -> None:
    """Check a value that fills a placeholder: what becomes part of a URL must be host labels.

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
    if LABELS.fullmatch(value) and meant is None:
        return
    raise ConfigurationProblem(
        f"{name}={value!r} cannot be part of a host name"
        if meant is None
        else f"{name}={value!r} is more than the part of the host name that is wanted",
        hint=f"did you mean {meant}? everyauth service set {service.name} --param {name}={meant}"
        if meant
        else "letters, digits, - and .",
    )


def _placed(service: Service, name: str, value: str) -> str | None:
    """What stands in the placeholder's place when a whole host name or URL was given for it."""
    host = re.sub(r"^[a-z]+://", "", value).partition("/")[0]
    for url in filter(None, (getattr(service, key) for key in URLS)):
        # Every second part is the name of a placeholder.
        parts = PLACEHOLDER.split(urlsplit(url).netloc)
        if name not in parts[1::2]:
            continue
        pattern = [("(.+)" if part == name else ".+") if at % 2 else re.escape(part) for at, part in enumerate(parts)]
        match = re.fullmatch("".join(pattern), host)
        if match and LABELS.fullmatch(match[1]) and match[1] != value:
            return match[1]
    return None
