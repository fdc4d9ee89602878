"""The token that a grant presents besides our client: an assertion (RFC 7521) or a subject token (RFC 8693)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from everyauth_cli.model import Client, Secret, Service
from everyauth_cli.oauth.grant import RepeatedGrant


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityToken:
    """The identity token of one login: the `source` that it is read from, or one that is `given`; or neither.

    Only GitHub Actions gets the `audience`, to issue a token for it; empty, it is the one that the service takes.
    """

    source: str
    given: Secret[str] | None
    audience: str


Presented = Callable[[Service, Client, RepeatedGrant], Secret[str] | None]
"""Gets the token that a grant presents; None for a grant that takes our client alone."""


def nothing_presented(service: Service, client: Client, grant: RepeatedGrant) -> Secret[str] | None:  # noqa: ARG001
    """Return None, for every grant."""
    return None
