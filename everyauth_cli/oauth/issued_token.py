"""The type of the token that a token exchange has brought (RFC 8693 sections 2.2.1 and 3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from everyauth_cli.errors import ServiceUnreadable
from everyauth_cli.model import Service
from everyauth_cli.sanitize import printable, redact

TYPES = "urn:ietf:params:oauth:token-type:"
ACCESS_TOKEN_TYPE, ID_TOKEN_TYPE, ID_JAG_TYPE = f"{TYPES}access_token", f"{TYPES}id_token", f"{TYPES}id-jag"
BEARER_TYPE, NOT_APPLICABLE = "bearer", "n_a"
"""Values of `token_type`, which are compared without regard to case: only an access token can be sent to an API."""
LENGTH = 80


def check_issued(service: Service, fields: Mapping[str, Any], *, requested: str, token_type: str) -> None:
    """Raise `ServiceUnreadable` unless the issued token is of the requested type, and to be used by that `token_type`.

    A token of another type is for another use and maybe another party, so it is neither stored nor sent on.
    """
    issued = fields.get("issued_token_type")
    if issued != requested:
        found = f"a token of the type {_shown(issued)}" if issued else "a token without saying its issued_token_type"
        raise ServiceUnreadable(f"{service.name} issued {found}; {_short(requested)} was requested")
    use = fields.get("token_type")
    if not isinstance(use, str) or use.lower() != token_type.lower():
        raise ServiceUnreadable(
            f"{service.name} issued {_short(requested)} with the token_type {_shown(use) if use else 'missing'}"
        )


def _short(name: str) -> str:
    return f'"{name.removeprefix(TYPES)}"'


def _shown(value: object) -> str:
    return f'"{printable(redact(str(value)), LENGTH).removeprefix(TYPES)}"'
