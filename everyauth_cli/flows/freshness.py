"""Decides whether a token may be handed out as it is; imports nothing heavy, because `cli/fast` uses it."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from everyauth_cli.model import Secret, Token

MARGIN_MS = 60_000
"""A token with less remaining lifetime than this is refreshed before it is handed out ..."""

MARGIN_SHARE = 10
"""... but the margin is never more than a tenth of its whole lifetime, so that short-lived tokens are used at all."""


def remaining_lifetime(token: Token, *, now: int) -> int | None:
    """Return the milliseconds until the token expires, None when it does not."""
    return None if token.expires_at is None else token.expires_at - now


def issued_lifetime(token: Token) -> int | None:
    """Return the milliseconds that the token was issued for, None when it does not expire."""
    return None if token.expires_at is None else token.expires_at - token.issued_at


def is_fresh(issued_at: int, expires_at: int | None, *, now: int, min_ttl: int = 0) -> bool:
    """Return whether a token lives long enough, at least `min_ttl` milliseconds."""
    if expires_at is None:
        return True
    return expires_at - now > max(min_ttl, min(MARGIN_MS, (expires_at - issued_at) // MARGIN_SHARE))


def is_alive(token: Token, *, now: int, rejected: Secret[str] | None = None) -> bool:
    """Return whether the token has not expired and is not the rejected one: it will do while the service is down."""
    left = remaining_lifetime(token, now=now)
    return (left is None or left > 0) and not (rejected is not None and token.access_token == rejected)
