"""A server that asks for more access than was granted (RFC 6750 section 3.1, `insufficient_scope`)."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence

from everyauth_cli.errors import LoginRequired
from everyauth_cli.flows.hints import login_command, user_of_tenant
from everyauth_cli.model import Identity
from everyauth_cli.oauth.challenge import token_challenge
from everyauth_cli.sanitize import printable

FORBIDDEN = 403
INSUFFICIENT_SCOPE = "insufficient_scope"

Find = Callable[[], Identity | None]
"""Returns the identity whose token was sent."""


def more_access(status: int, challenges: Sequence[str], find: Find | None) -> LoginRequired | None:
    """Return the error for a response of a server, known by its URL, that asks for more access; None for any other.

    A refresh cannot widen a grant (RFC 6749 section 6), so the hint is a login for the union of the scopes.
    """
    if find is None or status != FORBIDDEN:
        return None
    challenge = token_challenge(challenges)
    identity = find() if challenge.get("error") == INSUFFICIENT_SCOPE else None
    if identity is None:
        return None
    missing = challenge.get("scope", "").split()
    union = " ".join(dict.fromkeys([*(identity.scope or "").split(), *missing]))
    login = login_command(identity.service, user=identity.user, tenant=identity.tenant)
    user = user_of_tenant(identity.user, identity.tenant)
    return LoginRequired(
        f"{identity.service} asks for more access than user {user} has granted: {printable(' '.join(missing))}",
        hint=f"{login} --scope {shlex.quote(printable(union))}",
    )
