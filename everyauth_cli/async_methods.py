"""Makes the async method of a method: the same call in a thread of ours, while the event loop goes on.

The pools of the app are left alone: its event loop resolves names in one of them, and its other endpoints run there.
"""

from __future__ import annotations

import functools
import inspect
import os
import threading
import weakref
from collections import deque
from collections.abc import Callable, Coroutine, Hashable
from contextlib import suppress
from contextvars import copy_context
from types import CodeType
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, TypeVar

from everyauth_cli.errors import UsageProblem
from everyauth_cli.flows.single_flight import Flight, hold_signals, release_signals
from everyauth_cli.flows.waits import AsyncCall, MustBegin, NotLanded
from everyauth_cli.store.at_once import WouldWait, at_once

if TYPE_CHECKING:
    import asyncio

S = TypeVar("S")
P = ParamSpec("P")
R = TypeVar("R")

LANE_THREADS = 32
"""Threads for the requests to one service, which holds up its own users alone, and as many for reading the store."""

Job = Callable[[], None]


class Lane:
    """Runs jobs in threads, so many at once at most; the others wait in line.

    The threads are no daemons: the end of the interpreter waits for the jobs. Each operation on a list is one step of
    the interpreter, so that no lock is needed, which a signal's handler could find held.
    """

    def __init__(self, threads: int = LANE_THREADS) -> None:
        self._jobs: deque[Job] = deque()
        self._places = deque([None] * threads)

    def add(self, job: Job) -> None:
        self._jobs.append(job)
        self._begin()

    def _begin(self) -> None:
        # Looked at again after a place is given back: a job may have been added by one who saw no place.
        while self._jobs and self._take_place():
            thread = threading.Thread(target=self._work, name="everyauth-async", daemon=False)
            try:
                thread.start()
            except RuntimeError:  # the system allows no more threads, or the interpreter ends
                self._places.append(None)
                raise

    def _take_place(self) -> bool:
        try:
            self._places.pop()
        except IndexError:
            return False
        return True

    def _work(self) -> None:
        while True:
            try:
                job = self._jobs.popleft()
            except IndexError:
                break
            job()
        self._places.append(None)
        with suppress(RuntimeError):
            self._begin()


_lanes: weakref.WeakValueDictionary[Hashable, Lane] = weakref.WeakValueDictionary()
"""Those in use: each is kept by its threads and by those who wait for it."""


def lane_of(name: Hashable) -> Lane:
    """Return the lane of that name in this process; the threads of a parent do not run in its child."""
    key = os.getpid(), name
    lane = _lanes.get(key)
    if lane is None:
        lane = _lanes[key] = Lane()
    return lane


async def run_in_lane(name: Hashable, call: Callable[[], R], *, then: Job = lambda: None) -> R:
    """Make a call in a thread of that lane, and return its result or raise its error.

    A task that is cancelled stops waiting; its call is not begun any more, or goes on in its thread to its end. The
    thread does what comes `then` once the task knows the outcome.
    Raises `UsageProblem` where no event loop of asyncio runs.
    """
    loop = _running_loop()
    done: asyncio.Future[R] = loop.create_future()
    context = copy_context()

    def settle(outcome: Callable[[], None]) -> None:
        if not done.done():
            outcome()

    def tell(outcome: Callable[[], None]) -> None:
        with suppress(RuntimeError):  # the loop was closed, so no task waits
            loop.call_soon_threadsafe(settle, outcome)

    def job() -> None:
        if done.cancelled() or loop.is_closed():
            return
        try:
            result = context.run(call)
        except BaseException as error:  # noqa: BLE001 - raised in the task that waits
            tell(functools.partial(done.set_exception, error))
        else:
            tell(functools.partial(done.set_result, result))
        then()

    lane = lane_of(name)
    lane.add(job)
    return await done


def _running_loop() -> asyncio.AbstractEventLoop:
    import asyncio  # not loaded where nothing is async: start-up is paid at every call

    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        raise UsageProblem(
            "the async methods of everyauth need an event loop of asyncio, and none runs here",
            hint="under trio, call the method without the `a` by trio.to_thread.run_sync",
        ) from None


async def send_in_lane(service: Hashable, call: Callable[[], R]) -> R:
    """Make a call that may send requests to a service, or wait for what others send."""
    return await run_in_lane(service, call)


async def read_in_lane(service: Hashable, call: Callable[[], R]) -> R:
    """Make a call that waits for the store alone, which no service holds up."""
    return await run_in_lane(("store", service), call)


async def read_and_await(service: Hashable, call: Callable[[], R]) -> R:
    """Make a call that reads, and that waits for a refresh where there is no fresh token.

    The loop itself makes it where nothing has to be waited for, and itself waits for a refresh. A refresh that
    is not under way takes a thread among those that send requests to the service.
    """
    try:
        return at_once(call)
    except WouldWait:
        return await _awaited(service, AsyncCall(call))


async def _awaited(service: Hashable, attempts: AsyncCall[R]) -> R:
    try:
        while True:
            try:
                return await _attempt(service, attempts)
            except NotLanded as ahead:
                hold_signals()
                await _landing(ahead.flight, ahead.seconds)
    finally:
        release_signals()


async def _attempt(service: Hashable, attempts: AsyncCall[R]) -> R:
    try:
        with suppress(WouldWait):
            return at_once(attempts)
        return await read_in_lane(service, attempts)
    except MustBegin as needed:
        seconds = needed.seconds
    _running_loop()
    import asyncio

    hold_signals()
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            return await run_in_lane(service, attempts.begin, then=attempts.fly)
    return await read_in_lane(service, attempts.give_up)


async def _landing(flight: Flight[Any], seconds: float | None) -> None:
    """Wait until a flight has landed, or for so many seconds."""
    import asyncio

    loop, landed = _running_loop(), asyncio.Event()

    def tell() -> None:
        with suppress(RuntimeError):  # the loop was closed, so no task waits
            loop.call_soon_threadsafe(landed.set)

    flight.when_landed(tell)
    try:
        with suppress(TimeoutError):
            # `wait_for` loses a cancellation that comes as the flight lands, in Python before 3.12.
            async with asyncio.timeout(seconds):
                await landed.wait()
    finally:
        flight.forget(tell)


def async_method(
    method: Callable[Concatenate[S, P], R],
    run: Callable[[Hashable, Callable[[], R]], Coroutine[Any, Any, R]] = send_in_lane,
) -> Callable[Concatenate[S, P], Coroutine[Any, Any, R]]:
    """Return the async method of a method: its parameters, result and errors, and its name with an `a` before it.

    `run` makes its calls, among those that concern the same service, or else among those of the same method. A task
    that is cancelled stops waiting, but a call that was begun goes on in its thread to its end: a refresh that was sent
    still stores its token.
    """
    code: CodeType = inspect.unwrap(method).__code__
    first = code.co_varnames[1]

    @functools.wraps(method)
    async def call(self: S, /, *args: P.args, **kwargs: P.kwargs) -> R:
        lane = _service(first, args[0] if args else kwargs.get(first)) or (method.__name__,)
        job = _Call(functools.partial(method, self, *args, **kwargs))
        del args, kwargs
        return await run(lane, job)

    call.__name__ = f"a{method.__name__}"
    call.__qualname__ = call.__qualname__.removesuffix(method.__name__) + call.__name__
    return call


class _Call(Generic[R]):
    """A call that does not show its arguments, which may be secret, where a crash reporter shows the call."""

    def __init__(self, call: Callable[[], R]) -> None:
        self._call = call

    def __call__(self) -> R:
        return self._call()


def _service(parameter: str, value: object) -> str | None:
    """Return the service that the first argument of a call is or belongs to."""
    if parameter in ("service", "name"):
        return value if isinstance(value, str) else None
    request = getattr(value, "request", value)
    found = getattr(request, "service", None)
    return found if isinstance(found, str) else None
