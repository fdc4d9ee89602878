"""Call one function for each of many identities: several at once, within the limits of each service."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from queue import Empty, SimpleQueue

from everyauth_cli.errors import EveryAuthError, ServiceUnreachable, StoreError
from everyauth_cli.flows.waits import fly_in_this_thread
from everyauth_cli.model import Identity

JOBS = 8
MOST_JOBS = 32
PER_SERVICE = 4
"""Requests at once that services allow, while threads remain for the others when one is slow."""
SECONDS = 300.0
STEP = 0.25
"""Seconds between two looks for an interrupt while waiting."""
IDLE_SECONDS = 1.0
"""Seconds that a thread waits for its next call; where a batch was abandoned, the interpreter's end waits for it."""

ByService = Mapping[str, Iterable[Identity]]
"""The identities of each service, which are read as they are needed."""


class HealthState(StrEnum):
    """The state of an identity after its token was refreshed or checked."""

    REFRESHED = "refreshed"
    FRESH = "fresh"
    NO_REFRESH_TOKEN = "no refresh token"
    WORKS = "works"
    NOT_CHECKABLE = "cannot be checked"
    OTHER_ACCOUNT = "another account"
    LOGIN_REQUIRED = "login_required"
    DELETED = "deleted"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The outcome for one identity of a batch, with an `error` unless all is well.

    `retry_after` is the number of seconds after which the service may be sent another request, where it named one
    (RFC 9110 section 10.2.3).
    """

    identity: Identity
    state: HealthState
    error: EveryAuthError | None = None
    retry_after: float | None = None

    @property
    def exit_code(self) -> int:
        """The exit code of the command line for this outcome alone."""
        return self.error.exit_code if self.error else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Pacing:
    """The pace of a batch: `jobs` calls at once, `per_service` of one service, none begun after `seconds`.

    Calls that were begun are waited for. `clock` counts seconds; once `stopped` returns True no more are begun.
    `on_outcome` is called with the outcome of each call as it ends; `on_silence` with the services that are waited for,
    each once, when none has ended for `silence` seconds.
    """

    seconds: float = SECONDS
    jobs: int = JOBS
    per_service: int = PER_SERVICE
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    stopped: Callable[[], bool] = lambda: False
    on_outcome: Callable[[Outcome], None] = lambda _: None
    silence: float | None = None
    on_silence: Callable[[list[str]], None] = lambda _: None

    def outcomes(
        self, by_service: ByService, call: Callable[[Identity], Outcome], *, refreshes: bool = False
    ) -> Iterator[Outcome]:
        """Call the function for each identity; yield the outcomes, also of a call that raises, in the order they end.

        A call that was not begun has no outcome. Where some identities cannot be read, the others are called before
        the `StoreError` is raised. A call that only `refreshes` does so in the batch's thread, which is no daemon then;
        any other runs in a daemon, so that a second interrupt is obeyed at once.
        """
        for outcome in _Batch(self, by_service, call, refreshes=refreshes).run():
            self.on_outcome(outcome)
            yield outcome


class _Line:
    """The identities that wait at one service; true while there are any. Only the first are in memory."""

    def __init__(self, identities: Iterable[Identity]) -> None:
        self._first: deque[Identity] = deque()
        self._rest = iter(identities)
        self.unread: list[StoreError] = []

    def __bool__(self) -> bool:
        while not self._first:
            try:
                self._first.append(next(self._rest))
            except StopIteration:
                return False
            except StoreError as error:
                self.unread.append(error)
        return True

    def take(self) -> Identity:
        return self._first.popleft()

    def put_back(self, identity: Identity) -> None:
        self._first.appendleft(identity)

    def leave(self) -> None:
        """Let none of them be begun."""
        self._first.clear()
        self._rest = iter(())


_Inbox = SimpleQueue[Identity | None]


class _Batch:
    """One batch: the identities waiting at each service, the calls that run, and the services to leave alone."""

    def __init__(
        self, pacing: Pacing, by_service: ByService, call: Callable[[Identity], Outcome], *, refreshes: bool
    ) -> None:
        self._pacing = pacing
        self._call = call
        self._deadline = pacing.clock() + pacing.seconds
        self._waiting = {service: _Line(identities) for service, identities in by_service.items()}
        self._running: Counter[str] = Counter()
        self._retry_at: dict[str, float] = {}
        self._refreshes = refreshes
        self._idle: list[_Inbox] = []
        self._is_over = False
        self._silent_since = pacing.clock()
        self._named: set[str] = set()
        self._done: SimpleQueue[Outcome] = SimpleQueue()

    def run(self) -> Iterator[Outcome]:
        try:
            yield from self._outcomes()
        finally:
            self._is_over = True
            while self._idle:
                self._idle.pop().put(None)

    def _outcomes(self) -> Iterator[Outcome]:
        while True:
            if self._pacing.stopped():
                for line in self._waiting.values():
                    line.leave()
            yield from self._out_of_time()
            self._begin()
            if self._running.total():
                yield from self._next_done()
            elif any(self._waiting.values()):
                self._pacing.sleep(min(self._until_retry() or 0.0, STEP))
            else:
                break
        for line in self._waiting.values():
            for error in line.unread:
                raise error

    def _free_at(self, service: str) -> float:
        """Return the moment from which a service may be sent requests."""
        return max(self._pacing.clock(), self._retry_at.get(service, 0.0))

    def _out_of_time(self) -> Iterator[Outcome]:
        """Yield the identities that this batch has no time left for."""
        for service, line in self._waiting.items():
            if self._free_at(service) <= self._deadline or not line:
                continue
            if service in self._retry_at:
                error = ServiceUnreachable(f"{service} demands a pause beyond the end of this run")
            else:
                error = ServiceUnreachable(f"this run ended before a request was sent to {service}")
            while line:
                yield Outcome(identity=line.take(), state=HealthState.FAILED, error=error)

    def _begin(self) -> None:
        for service, line in self._waiting.items():
            while self._may_begin(service) and line:
                self._running[service] += 1
                self._hand_over(line.take())

    def _may_begin(self, service: str) -> bool:
        full = self._running.total() >= self._pacing.jobs or self._running[service] >= self._pacing.per_service
        return not full and self._free_at(service) <= self._pacing.clock()

    def _hand_over(self, identity: Identity) -> None:
        """Give an identity to a thread that waits for one, else to a new one."""
        try:
            inbox = self._idle.pop()
        except IndexError:
            inbox = SimpleQueue()
            threading.Thread(target=self._work, args=(inbox,), daemon=not self._refreshes).start()
        inbox.put(identity)

    def _work(self, inbox: _Inbox) -> None:
        if self._refreshes:
            fly_in_this_thread()
        while (identity := self._next(inbox)) is not None:
            outcome = self._outcome(identity)
            self._idle.append(inbox)
            self._done.put(outcome)

    def _next(self, inbox: _Inbox) -> Identity | None:
        """Wait for the next identity; None when there will be none."""
        # An interrupt may keep an inbox that was taken from ever being filled.
        while not self._is_over:
            with contextlib.suppress(Empty):
                return inbox.get(timeout=IDLE_SECONDS)
            with contextlib.suppress(ValueError):
                # One step of the interpreter, as is `pop`: only one of the two threads finds it.
                self._idle.remove(inbox)
                break
        return None

    def _outcome(self, identity: Identity) -> Outcome:
        try:
            return self._call(identity)
        except EveryAuthError as error:
            return Outcome(identity=identity, state=HealthState.FAILED, error=error)
        except Exception as error:  # noqa: BLE001 - one identity must not stop the others
            internal = EveryAuthError(f"internal error: {type(error).__name__}")
            return Outcome(identity=identity, state=HealthState.FAILED, error=internal)

    def _next_done(self) -> Iterator[Outcome]:
        """Wait for the next call to end, or until a service may be sent requests again."""
        limits = (self._until_retry(), self._until_notice())
        try:
            outcome = self._done.get(timeout=min(filter(None, limits), default=None))
        except Empty:
            self._give_notice()
            return
        self._silent_since = self._pacing.clock()
        self._running[outcome.identity.service] -= 1
        if not self._is_retried(outcome):
            yield outcome

    def _until_notice(self) -> float | None:
        """Return the seconds until services that are waited for are named, None where all of them have been."""
        silence = self._pacing.silence
        if silence is None or self._named >= set(+self._running):
            return None
        return max(STEP, self._silent_since + silence - self._pacing.clock())

    def _give_notice(self) -> None:
        silence, services = self._pacing.silence, sorted(set(+self._running) - self._named)
        if silence is not None and services and self._pacing.clock() - self._silent_since >= silence:
            self._named |= set(services)
            self._pacing.on_silence(services)

    def _until_retry(self) -> float | None:
        """Return the seconds until the first of the services left alone may be sent requests again."""
        now = self._pacing.clock()
        pauses = [self._retry_at.get(service, 0.0) - now for service, line in self._waiting.items() if line]
        return min((pause for pause in pauses if pause > 0), default=None)

    def _is_retried(self, outcome: Outcome) -> bool:
        """Leave a service alone as long as it demands, and put the identity back if there is time after that."""
        if outcome.retry_after is None:
            return False
        service = outcome.identity.service
        self._retry_at[service] = max(self._pacing.clock() + outcome.retry_after, self._retry_at.get(service, 0.0))
        if self._retry_at[service] > self._deadline or self._pacing.stopped():
            return False
        self._waiting[service].put_back(outcome.identity)
        return True
