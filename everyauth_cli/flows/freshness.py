"""Decides whether a token may be handed out as it is; imports nothing heavy, because `cli/fast` uses it.

A token's expiry has three states: known (`expires_at`), unknown (`refresh_at` alone: a guess of when to try a
refresh), and not stated (neither: there is no refresh token, or never was an expiry).
"""

from __future__ import annotations

import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from everyauth_cli.model import Secret, Token

MARGIN_MS = 60_000
"""A token with less remaining lifetime than this is refreshed before it is handed out ..."""

MARGIN_SHARE = 10
"""... but the margin is never more than a tenth of its whole lifetime, so that short-lived tokens are used at all."""

CLOCK_SKEW_MS = 60_000
"""A token that was issued further in the future comes from a clock that was wrong, and so does its expiry."""


def now_ms() -> int:
    """Return the time in milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


def issued_lifetime(token: Token) -> int | None:
    """Return the milliseconds that the token was issued for, None when they are not known."""
    return None if token.expires_at is None else token.expires_at - token.issued_at


def is_fresh(
    issued_at: int, expires_at: int | None, refresh_at: int | None = None, *, now: int, min_ttl: int = 0
) -> bool:
    """Return whether a token lives long enough, at least `min_ttl` milliseconds where its expiry is known."""
    # In one piece, since it is asked at every credential that is handed out.
    if refresh_at is None:
        if expires_at is None:
            return True
        margin = (expires_at - issued_at) // MARGIN_SHARE
        refresh_at = expires_at - (MARGIN_MS if margin > MARGIN_MS else max(margin, 0))
    in_time = issued_at - CLOCK_SKEW_MS <= now < refresh_at
    return in_time and (expires_at is None or expires_at - now > min_ttl)


def lives_for(expires_at: int | None, *, now: int, min_ttl: int) -> bool:
    """Return whether a token has not expired within `min_ttl` milliseconds, as far as is known."""
    return expires_at is None or expires_at - now > min_ttl


def is_due(expires_at: int | None, refresh_at: int | None, *, now: int, within: int) -> bool:
    """Return whether a token expires within so many milliseconds, or is to be refreshed where that is not known."""
    moment = refresh_at if expires_at is None else expires_at
    return moment is not None and moment - now <= within


def is_alive(token: Token, *, now: int, rejected: Secret[str] | None = None) -> bool:
    """Return whether the token has not expired and is not the rejected one: it will do while the service is down."""
    return lives_for(token.expires_at, now=now, min_ttl=0) and not (
        rejected is not None and token.access_token == rejected
    )
