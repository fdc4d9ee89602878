"""The token that a grant presents besides our client: an assertion (RFC 7521) or a subject token (RFC 8693)."""

from __future__ import annotations

from collections.abc import Callable

from everyauth_cli.model import Client, Secret, Service
from everyauth_cli.oauth.grant import RepeatedGrant

Presented = Callable[[Service, Client, RepeatedGrant], Secret[str] | None]
"""Gets the token that a grant presents; None for a grant that takes our client alone."""


def nothing_presented(service: Service, client: Client, grant: RepeatedGrant) -> Secret[str] | None:  # noqa: ARG001
    """Return None, for every grant."""
    return None
