"""The methods of `EveryAuth` for logins by a device code (RFC 8628)."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Coroutine, Generator, Hashable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from everyauth_cli.errors import raised_anew
from everyauth_cli.flows.composition import HasFlows
from everyauth_cli.model import DEFAULT_USER
from everyauth_cli.oauth.login_request import Terms

if TYPE_CHECKING:
    from everyauth_cli.flows.granted import Grant
    from everyauth_cli.oauth.device_authorization import PendingDevice

SLICE_SECONDS = 1.0
"""The longest sleep at once: a machine that was suspended notices within this time that a poll is due."""


def seconds_since_boot() -> float:
    """Return the seconds since some time in the past, those in which the machine was suspended included."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    # Elsewhere than on Linux the monotonic clock itself goes on meanwhile.
    return time.monotonic() if clock is None else time.clock_gettime(clock)


@raised_anew
def begin_device(
    self: HasFlows,
    name: str,
    *,
    user: str = DEFAULT_USER,
    tenant: str = "",
    tags: Mapping[str, str] | None = None,
    scope: str | None = None,
    resource: str = "",
    dpop: bool = False,
) -> PendingDevice:
    """Begin a login that a user confirms on another device (RFC 8628 sections 3.1 and 3.2); stores nothing.

    Show the `user_code` of its `authorization` and its `verification_uri`, or `verification_uri_complete` beside them,
    and then wait with `redeem_device`, or call `poll_device` again and again.
    Raises what `begin` does, `ServiceError`, `ClientRejected`, and `ConfigurationProblem` for a service that has no
    device authorization endpoint.
    """
    terms = Terms(service=name, user=user, tenant=tenant, tags=tags or {}, scope=scope, resource=resource, dpop=dpop)
    return self._flows.device.begin(terms)


@raised_anew
def poll_device(self: HasFlows, pending: PendingDevice) -> Grant | PendingDevice:
    """Ask once whether the user has confirmed, and return what was granted, or else the login to go on with.

    Nothing is sent before the `poll_at` of the pending login. Each call takes what the one before returned: the server
    may have demanded longer waits (RFC 8628 section 3.5).
    Raises `LoginDenied`, `LoginTimedOut`, and what `redeem` does.
    """
    return self._flows.device.poll(pending)


@raised_anew
def redeem_device(
    self: HasFlows,
    pending: PendingDevice,
    *,
    timeout: float | None = None,
    wait: Callable[[float], None] | None = None,
    elapsed: Callable[[], float] = seconds_since_boot,
) -> Grant:
    """Wait until the user has confirmed, and return what was granted; stores nothing.

    It ends with the code, or after `timeout` seconds. `wait` sleeps for that many seconds, one at most, and may raise
    to end the login; `elapsed` returns the seconds since some time in the past, which go on in a suspended machine.
    Raises `LoginDenied`, `LoginTimedOut`, and what `redeem` does.
    """
    polls = self._flows.device.redeeming(pending, timeout=timeout, elapsed=elapsed)
    while isinstance(due := _upcoming(polls), float):
        for seconds in _slices(due, elapsed):
            (wait or time.sleep)(seconds)
    return due


def async_redeem_device(
    run: Callable[[Hashable, Callable[[], Any]], Coroutine[Any, Any, Any]],
) -> Callable[..., Coroutine[Any, Any, Grant]]:
    """Return the async method of `redeem_device`; `run` makes a call in a thread, which the polls alone take."""

    @functools.wraps(redeem_device)
    async def aredeem_device(
        self: HasFlows,
        pending: PendingDevice,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - as in the method of which this is the async one
        wait: Callable[[float], None] | None = None,
        elapsed: Callable[[], float] = seconds_since_boot,
    ) -> Grant:
        import asyncio

        polls = self._flows.device.redeeming(pending, timeout=timeout, elapsed=elapsed)
        poll = functools.partial(run, pending.request.service, functools.partial(_upcoming, polls))
        outcome: float | Grant = await poll()
        while isinstance(outcome, float):
            for seconds in _slices(outcome, elapsed):
                if wait is None:
                    await asyncio.sleep(seconds)
                else:
                    await run(pending.request.service, functools.partial(wait, seconds))
            outcome = await poll()
        return outcome

    aredeem_device.__name__ = aredeem_device.__qualname__ = "aredeem_device"
    return aredeem_device


def _upcoming(polls: Generator[float, None, Grant]) -> float | Grant:
    """Make the poll that is due, and return the time of the next one, or what was granted."""
    try:
        return next(polls)
    except StopIteration as end:
        grant: Grant = end.value
        return grant


def _slices(due: float, elapsed: Callable[[], float]) -> Iterator[float]:
    """Yield the seconds to sleep, a few at a time, until that time."""
    while (left := due - elapsed()) > 0:
        yield min(left, SLICE_SECONDS)
