"""The lifetime of an access token as its response states it, and where it does not, the time to try a refresh."""

from __future__ import annotations

import re
from dataclasses import dataclass

from everyauth_cli.model import Secret, Service, Token
from everyauth_cli.oauth.jwt import unverified

GUESS_MARGIN_SHARE = 10
"""A guessed lifetime is left unused by this share of it, because it may be a little shorter."""
HOUR_MS = 60 * 60 * 1000
LONGEST_SECONDS = 11 * 365 * 24 * 60 * 60
DECIMAL = re.compile(r"\s*[0-9]{1,15}(?:\.[0-9]{0,15})?\s*")
JWT_LENGTH = 16 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Expiry:
    """The expiry of a new token in one of three states (times are milliseconds since the epoch).

    Known: `expires_at`, and `refresh_at` where the entry has a margin of its own. Unknown: `refresh_at` alone, a guess
    of when a refresh is worth a try. Not stated, and nothing to refresh the token with: neither. `lifetime` is the last
    known one (milliseconds).
    """

    expires_at: int | None = None
    refresh_at: int | None = None
    lifetime: int | None = None


def expiry_of(
    service: Service,
    expires_in: object,
    access_token: Secret[str],
    *,
    now: int,
    refreshable: bool,
    previous: Token | None = None,
) -> Expiry:
    """Return the expiry of a token that was requested `now`; `previous` is the one that it replaces."""
    stated, last_known = lifetime_of(expires_in), _known_lifetime(previous)
    if stated is not None:
        return Expiry(expires_at=now + stated, refresh_at=_early(service, now, stated), lifetime=stated)
    if not refreshable:
        return Expiry(lifetime=last_known)
    default = service.default_lifetime * 1000 if service.default_lifetime else HOUR_MS
    guess = last_known or _jwt_lifetime(access_token, now=now) or default
    return Expiry(refresh_at=now + guess - guess // GUESS_MARGIN_SHARE, lifetime=last_known)


def _early(service: Service, now: int, lifetime: int) -> int | None:
    """Return the time of the refresh by the entry's margin, at most half of the lifetime; None where it has none."""
    margin = service.refresh_margin
    return None if margin is None else now + lifetime - min(margin * 1000, lifetime // 2)


def lifetime_of(expires_in: object) -> int | None:
    """Return `expires_in` (RFC 6749 section 5.1) in milliseconds; None where it states no lifetime.

    Zero and less are some services' words for "never" and others' mistakes, as are the absolute times that some send:
    seconds or milliseconds since the epoch are all more than eleven years. The longest documented lifetime is ten.
    """
    if isinstance(expires_in, str):
        seconds = float(expires_in) if DECIMAL.fullmatch(expires_in) else 0.0
    else:
        seconds = expires_in if isinstance(expires_in, int | float) and not isinstance(expires_in, bool) else 0.0
    # Written so that NaN fails it.
    return int(seconds * 1000) or None if 0 < seconds <= LONGEST_SECONDS else None


def _known_lifetime(token: Token | None) -> int | None:
    if token is None:
        return None
    return token.lifetime or (None if token.expires_at is None else max(token.expires_at - token.issued_at, 0) or None)


def _jwt_lifetime(access_token: Secret[str], *, now: int) -> int | None:
    """Return the lifetime that a JWT states (RFC 9068); unverified, because only the time of a refresh hangs on it."""
    if len(access_token.reveal()) > JWT_LENGTH:
        return None
    exp = unverified(access_token)[1].get("exp")
    return lifetime_of(exp - now // 1000) if isinstance(exp, int | float) and not isinstance(exp, bool) else None
