"""One call per key at a time, in a thread that runs to its end whatever happens to those who wait for it."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Generic, TypeVar

from everyauth_cli.store.forks import begin_anew_in_forks

T = TypeVar("T")

LONGEST_SECONDS = 210.0
"""Seconds that a signal that would end the process waits for the calls under way."""

NAMES = ("SIGTERM", "SIGHUP", "SIGQUIT", "SIGALRM", "SIGVTALRM", "SIGUSR1", "SIGUSR2", "SIGXCPU", "SIGBREAK")
DEADLY = [getattr(signal, name) for name in NAMES if hasattr(signal, name)]
"""The signals that end a process by default, besides SIGINT, SIGKILL and those that report a bug in the program."""


class Flight(Generic[T]):
    """A call under way. Waiting for it can be interrupted or end early, which does nothing to the call."""

    def __init__(self, call: Callable[[], T]) -> None:
        self._call = call
        self._began = time.monotonic()
        self._landed = threading.Event()
        self._listeners: list[Callable[[], None]] = []
        self._result: list[T] = []
        self._error: BaseException | None = None

    def run(self) -> None:
        """Make the call and keep its outcome for all who wait."""
        try:
            self._result.append(self._call())
        except BaseException as error:  # noqa: BLE001 - raised by `result` for each who waits
            self._error = error
        self._landed.set()
        self._tell()

    @property
    def age(self) -> float:
        """The seconds since the call began."""
        return time.monotonic() - self._began

    @property
    def has_landed(self) -> bool:
        return self._landed.is_set()

    def wait(self, seconds: float | None = None) -> bool:
        """Wait so many seconds at most, or without end; return whether the call has ended."""
        with _main_thread_waits():
            return self._landed.wait(seconds)

    def result(self) -> T:
        """Return what the call returned, or raise what it raised; it has ended by now."""
        if self._error is not None:
            # One error is raised in many threads; each has its own traceback.
            raise self._error.with_traceback(None)
        return self._result[0]

    def when_landed(self, listener: Callable[[], None]) -> None:
        """Call `listener` once the call has ended, at once if it has, in the thread that finds out."""
        self._listeners.append(listener)
        if self._landed.is_set():
            self._tell()

    def forget(self, listener: Callable[[], None]) -> None:
        """Call that listener no more, unless it is called already."""
        with suppress(ValueError):
            self._listeners.remove(listener)

    def _tell(self) -> None:
        # Each list operation is one step, so that no lock is needed, which a signal's handler could find held.
        while self._listeners:
            try:
                listener = self._listeners.pop()
            except IndexError:  # another thread was faster
                return
            listener()


class SingleFlight(Generic[T]):
    """Joins those who want the same thing at the same time to one call.

    The thread of a call is no daemon: the end of the interpreter waits for it. Signals that would end the process
    wait too, if the call was begun in the main thread, where alone Python lets a program see them; a handler that the
    application has set is left alone.
    """

    def __init__(self) -> None:
        self.begin_anew()
        begin_anew_in_forks(self)

    def begin_anew(self) -> None:
        """Have no flight: the threads of a parent do not run in its child."""
        self._flights: dict[Hashable, Flight[T]] = {}

    def under_way(self, key: Hashable) -> Flight[T] | None:
        """Return the flight of that key, if there is one."""
        return self._flights.get(key)

    def join(
        self, key: Hashable, call: Callable[[], T], *, start: Callable[[Callable[[], None]], None] | None = None
    ) -> Flight[T]:
        """Return the flight of that key, which is begun with `call` unless one is under way.

        `start` gets what has to be run for it, soon; without it a thread of its own runs it.
        """
        flying = self.under_way(key)
        if flying is not None:
            return flying
        ours = Flight(lambda: self._called(key, call))
        # One step of the interpreter, so that of many threads one begins the call.
        flight = self._flights.setdefault(key, ours)
        if flight is ours:
            (start or _start)(flight.run)
        return flight

    def _called(self, key: Hashable, call: Callable[[], T]) -> T:
        try:
            return call()
        finally:
            # Before any caller knows the outcome: a later call may need something newer.
            self._flights.pop(key, None)


_under_way: set[threading.Thread] = set()
_waits: list[None] = []
"""One for each wait that the main thread is in."""
_held_back: list[int] = []
"""The deadly signals that came meanwhile."""


@contextmanager
def _main_thread_waits() -> Iterator[None]:
    """Have a deadly signal wait until the block is left: in the block its handler could find a lock of ours held."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _waits.append(None)
    try:
        yield
    finally:
        _waits.pop()
        if _held_back and not _waits:
            _die(_held_back[0])


def _start(run: Callable[[], None]) -> None:
    thread = threading.Thread(target=fly_here, args=(run,), name="everyauth", daemon=False)
    hold_signals()
    _under_way.add(thread)
    try:
        thread.start()
    except RuntimeError:
        # No thread can be started any more while the interpreter ends, or where the system allows no more.
        _under_way.discard(thread)
        fly_here(run)


def fly_here(run: Callable[[], None]) -> None:
    """Run a flight in this thread; signals wait for it."""
    thread = threading.current_thread()
    _under_way.add(thread)
    try:
        run()
    finally:
        _under_way.discard(thread)


def hold_signals() -> None:
    """Let deadly signals wait, where their disposition is still the default one; for the main thread."""
    if threading.current_thread() is not threading.main_thread():
        return
    for number in DEADLY:
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _die_later)
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupt)


def release_signals() -> None:
    """Give held signals their default disposition back when nothing is under way; for the main thread."""
    if threading.current_thread() is not threading.main_thread() or _alive():
        return
    for number in DEADLY:
        if signal.getsignal(number) is _die_later:
            signal.signal(number, signal.SIG_DFL)
    if signal.getsignal(signal.SIGINT) is _interrupt:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _alive() -> list[threading.Thread]:
    return [thread for thread in list(_under_way) if thread.is_alive()]


def _die_later(number: int, _frame: FrameType | None) -> None:
    if _waits:
        _held_back.append(number)
    else:
        _die(number)


def _die(number: int) -> None:
    end = time.monotonic() + LONGEST_SECONDS
    for thread in _alive():
        thread.join(max(0.0, end - time.monotonic()))
    signal.signal(number, signal.SIG_DFL)
    signal.raise_signal(number)


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Raise KeyboardInterrupt in who waits, but not in the end of the interpreter, which would wait no longer."""
    if not (_alive() and _interpreter_ends(frame)):
        signal.default_int_handler(number, frame)


def _interpreter_ends(frame: FrameType | None) -> bool:
    while frame is not None:
        if (frame.f_globals.get("__name__"), frame.f_code.co_name) == ("threading", "_shutdown"):
            return True
        frame = frame.f_back
    return False
