"""The state of an identity as lists show it: a mark, and words that say the same."""

from __future__ import annotations

from everyauth_cli.cli.durations import expiry, span
from everyauth_cli.cli.style import Mark
from everyauth_cli.flows.freshness import lives_for
from everyauth_cli.model import Identity
from everyauth_cli.store.identities import IdentitySummary


def needs_login(identity: Identity, *, now: int) -> bool:
    """Return whether only a login gives this identity another token; the time is milliseconds since the epoch."""
    return identity.login_required is not None or not (
        identity.refreshable or lives_for(identity.expires_at, now=now, min_ttl=0)
    )


def state(identity: Identity, *, now: int) -> tuple[Mark, str]:
    """Return the mark and the words for an identity; the time is milliseconds since the epoch."""
    if identity.login_required is not None:
        return Mark.failed, f"login required, for {span(now - identity.login_required.since)}"
    if identity.refreshable:
        return Mark.done, "refreshes itself"
    if not lives_for(identity.expires_at, now=now, min_ttl=0):
        return Mark.failed, "login required, expired"
    if identity.expires_at is None:
        return Mark.done, "expiry not known"
    return Mark.attention, f"expires {expiry(identity.expires_at, now=now)}, cannot be refreshed"


def summary_state(identity: IdentitySummary, *, now: int) -> tuple[Mark, str]:
    """Return an identity's mark in a list, and when its token expires."""
    if identity.login_required or not (identity.refreshable or lives_for(identity.expires_at, now=now, min_ttl=0)):
        return Mark.failed, "login required"
    limited = identity.expires_at is not None and not identity.refreshable
    return Mark.attention if limited else Mark.done, expiry(identity.expires_at, now=now)
