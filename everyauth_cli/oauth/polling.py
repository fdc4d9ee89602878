"""When a device's token is asked for again, and when no more (RFC 8628 section 3.5)."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from everyauth_cli.errors import (
    EveryAuthError,
    InvalidGrant,
    LoginDenied,
    LoginFailed,
    LoginTimedOut,
    ServiceError,
    ServiceUnreachable,
    ServiceUnreadable,
)
from everyauth_cli.model import TOO_MANY_REQUESTS, Response, Service
from everyauth_cli.oauth.dpop import INVALID_PROOF
from everyauth_cli.oauth.response_body import read_object
from everyauth_cli.oauth.retry_after import seconds_until

PENDING, SLOW_DOWN, EXPIRED, DENIED = "authorization_pending", "slow_down", "expired_token", "access_denied"
SLOWER_SECONDS = 5.0
"""The seconds that `slow_down` adds (RFC 8628 section 3.5)."""
BACKOFF = 1.5
LONGEST_BACKOFF = 60.0
"""Seconds up to which failures lengthen the wait: who has confirmed in the meantime waits for it."""
LONGEST_STATED = 24 * 60 * 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Polling:
    """The pace of the polls, in seconds: the `interval` that holds for all of them, and the `wait` before the next.

    `problem` is the failure of the last one, if it failed.
    """

    interval: float
    wait: float
    problem: str = ""


def first(interval: float) -> Polling:
    """Return the pace before the first poll, which has to wait too: no user confirms so soon."""
    return Polling(interval=interval, wait=interval)


def after(polling: Polling, service: Service, error: EveryAuthError, response: Response | None, *, now: int) -> Polling:
    """Return the pace after a poll that brought no token, or raise the error that ends the login.

    `response` is None where there was none; `now` is milliseconds since the epoch. `slow_down` and 429 slow all polls
    that follow. What says nothing of the login (a timeout, 5xx, a page of something in between) slows them until the
    server answers again. A proof of the key that is refused (RFC 9449) would be so each time.
    """
    match error:
        case ServiceError(error=code) if code == PENDING:
            return first(polling.interval)
        case ServiceError(error=code) if code == SLOW_DOWN:
            return _slower(max(polling.interval + SLOWER_SECONDS, _named_interval(response)), error, now)
        case ServiceUnreachable(status=status) if status == TOO_MANY_REQUESTS:
            return replace(_slower(polling.interval * BACKOFF, error, now), problem=error.message)
        case ServiceUnreachable(error=code) if code != INVALID_PROOF:
            return _backed_off(polling, error, now)
        case ServiceUnreadable() if response is None or not _is_answer(response):
            return _backed_off(polling, error, now)
    raise _end(service, error)


def _slower(interval: float, error: ServiceError, now: int) -> Polling:
    return Polling(interval=interval, wait=max(interval, _demanded(error, now)))


def _backed_off(polling: Polling, error: ServiceError, now: int) -> Polling:
    # Slower than the interval in any case (section 3.5), however long that is.
    longest = max(LONGEST_BACKOFF, polling.interval * BACKOFF)
    wait = max(min(polling.wait * BACKOFF, longest), _demanded(error, now))
    return replace(polling, wait=wait, problem=error.message)


def _demanded(error: ServiceError, now: int) -> float:
    """Return the seconds that a Retry-After asks to wait."""
    retry_after = error.retry_after if isinstance(error, ServiceUnreachable) else None
    return seconds_of(seconds_until(retry_after, now=now), 0.0) if retry_after else 0.0


def _named_interval(response: Response | None) -> float:
    """Return the interval that some services name beside `slow_down`."""
    fields = read_object(response.body.reveal(), response.content_type) if response else None
    return seconds_of((fields or {}).get("interval"), 0.0)


def _is_answer(response: Response) -> bool:
    """Return whether a response is the token endpoint's own, although it makes no sense: it would not next time."""
    return response.is_success and read_object(response.body.reveal(), response.content_type) is not None


def seconds_of(value: object, default: float) -> float:
    """Return the seconds that a server states, a day at most; the default for what states none."""
    if isinstance(value, str) and value.strip().isdecimal():
        value = int(value.strip()[:10])
    # NaN fails the comparison, and so does infinity; a whole number may be too long for a float.
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        return default
    return float(min(value, LONGEST_STATED))


def _end(service: Service, error: EveryAuthError) -> EveryAuthError:
    match error:
        case ServiceError(error=code) if code == DENIED:
            return LoginDenied(f"access was denied at {service.name} ({code})")
        case ServiceError(error=code) if code == EXPIRED:
            return LoginTimedOut(f"the code was not confirmed at {service.name} in time ({code})")
        case InvalidGrant():
            return LoginFailed(f"{error.message}; it did not accept the device code")
    return error
