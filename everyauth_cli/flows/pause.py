"""The pause after a failed refresh: as long as the service demands, else longer with each failure of the service."""

from __future__ import annotations

from everyauth_cli.errors import ClientRejected, EveryAuthError, ServiceError, ServiceUnreachable, ServiceUnreadable
from everyauth_cli.oauth.retry_after import seconds_until
from everyauth_cli.store.identities import FailedRefresh

FIRST_MS = 2_000
LONGEST_MS = 300_000
LONGEST_DEMANDED_MS = 24 * 60 * 60 * 1000
"""A service that demands more than a day is sent one request a day."""


def is_remembered(error: EveryAuthError) -> bool:
    """Whether a failure is one of the service, which another request would meet again; else nothing was sent."""
    if isinstance(error, ServiceUnreachable):
        return error.lost or error.status is not None
    return isinstance(error, ServiceError | ClientRejected)


def pause_of(error: ServiceError | ClientRejected, before: FailedRefresh | None, *, now: int) -> FailedRefresh:
    """Return the failure with the moment until which it is not repeated, in milliseconds since the epoch."""
    failures = before.failures + 1 if before else 1
    # Who sets the client again after it was rejected should see at once that it works.
    doublings = 0 if isinstance(error, ClientRejected) else min(failures - 1, 20)
    pause = min(FIRST_MS * 2**doublings, LONGEST_MS)
    demanded = getattr(error, "retry_after", None)
    seconds = seconds_until(demanded, now=now) if demanded else None
    if seconds is not None:
        pause = int(min(seconds * 1000, LONGEST_DEMANDED_MS))
    return FailedRefresh(
        code=error.code,
        message=error.message,
        hint=error.hint,
        error=getattr(error, "error", None),
        status=getattr(error, "status", None),
        until=now + pause,
        failures=failures,
    )


def remembered_error(failure: FailedRefresh, *, now: int) -> EveryAuthError:
    """Make the error of a failure that is not repeated yet."""
    seconds = max(1, (failure.until - now) // 1000)
    message = f"{failure.message}; the next attempt is in {seconds} s"
    if failure.code == ClientRejected.code:
        return ClientRejected(message, hint=failure.hint)
    if failure.code == ServiceUnreachable.code:
        return ServiceUnreachable(message, status=failure.status, retry_after=str(seconds))
    kind = ServiceUnreadable if failure.code == ServiceUnreadable.code else ServiceError
    return kind(message, hint=failure.hint, error=failure.error, status=failure.status)
