"""Lets a call wait for a flight: in its thread, or, for an async call, in the event loop, where it takes no thread."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from contextvars import ContextVar
from typing import Any, Generic, Protocol, TypeVar

from everyauth_cli.flows.single_flight import Flight, SingleFlight, fly_here
from everyauth_cli.store.at_once import check_may_wait

T = TypeVar("T")
R = TypeVar("R")

LOCK_SECONDS = 20.0
"""The longest wait for the run of another process."""


class NotLanded(BaseException):
    """An async call has to wait for a flight, `seconds` at most (None: to its end), and is made again then.

    No handler of errors is to take it for one.
    """

    def __init__(self, flight: Flight[Any], seconds: float | None) -> None:
        super().__init__()
        self.flight, self.seconds = flight, seconds


class MustBegin(BaseException):
    """An async call needs a flight that is not under way, which takes a thread; it has patience for `seconds`."""

    def __init__(self, seconds: float | None) -> None:
        super().__init__()
        self.seconds = seconds


class Waits(Protocol):
    """The way in which a call joins a flight and waits for it."""

    def join(
        self, flights: SingleFlight[T], key: Hashable, call: Callable[[], T], *, seconds: float | None
    ) -> Flight[T] | None:
        """Return the flight of that key; None where none could be begun for so many seconds."""

    def wait(self, flight: Flight[Any], seconds: float | None) -> bool:
        """Wait so many seconds at most, or without end; return whether the flight has landed."""


class ThreadWaits:
    """Waits in the thread of the call."""

    def join(
        self,
        flights: SingleFlight[T],
        key: Hashable,
        call: Callable[[], T],
        *,
        seconds: float | None,  # noqa: ARG002 - it is begun at once
    ) -> Flight[T]:
        check_may_wait()
        return flights.join(key, call)

    def wait(self, flight: Flight[Any], seconds: float | None) -> bool:
        return flight.wait(seconds)


class WorkerWaits(ThreadWaits):
    """Waits in a thread of ours that is no daemon and that nothing of the caller's interrupts: it flies by itself."""

    def join(
        self,
        flights: SingleFlight[T],
        key: Hashable,
        call: Callable[[], T],
        *,
        seconds: float | None,  # noqa: ARG002 - it is begun at once
    ) -> Flight[T]:
        return flights.join(key, call, start=fly_here)


_waits: ContextVar[Waits] = ContextVar("everyauth_waits", default=ThreadWaits())  # noqa: B039 - it has no state


def waits() -> Waits:
    """Return the way in which the present call waits."""
    return _waits.get()


def fly_in_this_thread() -> None:
    """Let the calls that this thread makes from now on fly in it, where each flight would have one of its own."""
    _waits.set(WorkerWaits())


class AsyncCall(Generic[R]):
    """A call that is made again each time a flight that it needed has landed, until it needs none.

    It may read, but sends nothing itself: only the flights do. Each of the methods raises `NotLanded`, and all but
    `begin` and `give_up` raise `MustBegin`.
    """

    def __init__(self, call: Callable[[], R]) -> None:
        self._call = call
        self._joined: list[tuple[Hashable, Flight[Any]]] = []
        self._to_join: list[tuple[Hashable, Flight[Any]]] = []
        self._waited: dict[Flight[Any], float | None] = {}
        self._may_begin, self._has_patience = False, True
        self._begun: Callable[[], None] | None = None

    def __call__(self) -> R:
        """Make the call, which joins only the flights that are under way."""
        # Those of earlier attempts, for their outcomes; a flight that has landed is under way no more.
        self._to_join = list(self._joined)
        before = _waits.set(self)
        try:
            return self._call()
        finally:
            _waits.reset(before)

    def begin(self) -> R:
        """Make the call in a thread that runs the flight that it needs, by `fly`, afterwards."""
        self._may_begin = True
        try:
            return self()
        finally:
            self._may_begin = False

    def fly(self) -> None:
        """Run the flight that `begin` has begun, to its end."""
        if self._begun is not None:
            begun, self._begun = self._begun, None
            fly_here(begun)

    def give_up(self) -> R:
        """Make the call, to which the flight that it needs has failed."""
        self._has_patience = False
        return self()

    def join(
        self, flights: SingleFlight[T], key: Hashable, call: Callable[[], T], *, seconds: float | None
    ) -> Flight[T] | None:
        for number, (its_key, flight) in enumerate(self._to_join):
            if its_key == key:
                del self._to_join[number]
                return flight
        found = flights.under_way(key)
        if found is None:
            if not self._has_patience:
                return None
            if not self._may_begin:
                raise MustBegin(seconds)
            found = flights.join(key, call, start=self._keep)
        self._joined.append((key, found))
        return found

    def _keep(self, run: Callable[[], None]) -> None:
        self._begun = run

    def wait(self, flight: Flight[Any], seconds: float | None) -> bool:
        if flight.has_landed or not self._has_to_wait(flight, seconds):
            return flight.has_landed
        self._waited[flight] = seconds
        raise NotLanded(flight, seconds)

    def _has_to_wait(self, flight: Flight[Any], seconds: float | None) -> bool:
        if flight not in self._waited:
            return seconds is None or seconds > 0
        waited = self._waited[flight]
        return waited is not None and (seconds is None or seconds > waited)
