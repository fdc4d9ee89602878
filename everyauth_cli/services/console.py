"""The pages of a service that a person opens: where an app is registered, and the documentation."""

from __future__ import annotations

import re

from everyauth_cli.model import Service

LINK = re.compile(r"https://[^\s<>\"'`]{1,500}")
"""A link in a step of a setup guide."""


def console_url(service: Service) -> str:
    """Return the first link of the setup guide, at which an app is registered; empty where no step has one."""
    for step in service.setup:
        if found := LINK.search(step):
            return found[0].rstrip(".,;:)")
    return ""


def documentation_url(service: Service) -> str:
    """Return the link to the documentation, else to the first source; empty where neither is a link."""
    links = [url for url in (service.docs, *service.sources) if url and LINK.fullmatch(url)]
    return links[0] if links else ""
