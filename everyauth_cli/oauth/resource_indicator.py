"""Resource indicators (RFC 8707): the protected resource that tokens are requested for."""

from __future__ import annotations

import re
import shlex
from dataclasses import replace

from everyauth_cli.errors import UsageProblem
from everyauth_cli.model import Service
from everyauth_cli.sanitize import printable
from everyauth_cli.urls import is_url, without_user

INVALID_TARGET = "invalid_target"
"""The error for a resource that is not known, or for which no token is issued (RFC 8707 section 2)."""
ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[!$-;=?-Z\[\]_a-z~]+")
"""An absolute URI (RFC 3986 section 4.3): a scheme, and no fragment."""
LONGEST = 2000


def check_resource(service: Service, resource: str) -> None:
    """Check a resource that a login is to request tokens for; an empty one requests none. Raises `UsageProblem`."""
    if not resource:
        return
    if is_url(service.name):
        raise UsageProblem(
            f"a login at {service.name} requests tokens for the resource that the server names, and for no other",
            hint="leave the resource out",
        )
    if problem := _fault_of(resource):
        raise UsageProblem(
            f'the resource "{printable(without_user(resource))}" cannot be requested: {problem}',
            hint="give the URI of the API, such as https://api.example.com/v1",
        )


def _fault_of(resource: str) -> str:
    if "#" in resource:
        return "it has a fragment (RFC 8707 section 2)"
    if len(resource) > LONGEST or not ABSOLUTE.fullmatch(resource):
        return "it is no absolute URI (RFC 8707 section 2)"
    return ""


def for_resource(service: Service, resource: str) -> Service:
    """Return the service as tokens for a resource are requested there; at a server's URL the resource is its own."""
    return replace(service, resource=resource) if resource and not is_url(service.name) else service


def refused_target(service: Service) -> tuple[str, str | None]:
    """Return what `invalid_target` means at a service, and what to type next."""
    about = f"it issues no token for the resource {printable(service.resource or '')}" if service.resource else ""
    if is_url(service.name):
        return about, None
    hint = f"name one as its documentation does: everyauth login {shlex.quote(service.name)} --resource URI"
    return about or "it wants to know which resource a token is for", hint
