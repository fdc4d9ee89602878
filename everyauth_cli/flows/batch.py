"""Does one thing for each of many identities: several at once, no more than a service bears, none while it rests."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from queue import Empty, SimpleQueue

from everyauth_cli.errors import EveryAuthError, ServiceUnreachable
from everyauth_cli.model import Identity

JOBS = 8
MOST_JOBS = 32
PER_SERVICE = 4
"""So many requests at once are within what services allow, and a slow one leaves threads to the others."""
STEP = 0.25
"""Seconds after which a wait looks up, so that an interrupt is heard."""


class State(StrEnum):
    """How it stands with an identity after it was looked at."""

    REFRESHED = "refreshed"
    FRESH = "fresh"
    NO_REFRESH_TOKEN = "no refresh token"
    WORKS = "works"
    NOT_ASKED = "cannot be asked"
    OTHER_ACCOUNT = "another account"
    LOGIN_REQUIRED = "login_required"
    DELETED = "deleted"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of an identity; with an `error` where not all is well.

    `rest` is for how many seconds its service wants to be left alone, after which it may be tried again.
    """

    identity: Identity
    state: State
    error: EveryAuthError | None = None
    rest: float | None = None

    @property
    def exit_code(self) -> int:
        return self.error.exit_code if self.error else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Pacing:
    """How fast: `jobs` at once, `per_service` of one service, and nothing is begun after so many `seconds`.

    What was begun is always waited for. `clock` counts seconds; once `stopped` says so, nothing more is begun.
    """

    seconds: float
    jobs: int = JOBS
    per_service: int = PER_SERVICE
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    stopped: Callable[[], bool] = lambda: False

    def outcomes(self, identities: Sequence[Identity], call: Callable[[Identity], Outcome]) -> Iterator[Outcome]:
        """The outcomes of the call as they come, of one that raises too; of those that were not begun there is none."""
        return _Batch(self, identities, call).run()


class _Batch:
    """One run: who waits for which service, what is under way, and which services rest until when."""

    def __init__(self, pace: Pacing, identities: Sequence[Identity], call: Callable[[Identity], Outcome]) -> None:
        self._pace = pace
        self._call = call
        self._deadline = pace.clock() + pace.seconds
        self._waiting: dict[str, deque[Identity]] = {}
        for identity in identities:
            self._waiting.setdefault(identity.service, deque()).append(identity)
        self._under_way: Counter[str] = Counter()
        self._resting: dict[str, float] = {}
        self._done: SimpleQueue[Outcome] = SimpleQueue()

    def run(self) -> Iterator[Outcome]:
        while True:
            if self._pace.stopped():
                self._waiting.clear()
            yield from self._too_late()
            self._begin()
            if self._under_way.total():
                yield from self._ended()
            elif any(self._waiting.values()):
                self._pace.sleep(min(self._until_free() or 0.0, STEP))
            else:
                return

    def _free_at(self, service: str) -> float:
        """The moment from which on a service may be asked."""
        return max(self._pace.clock(), self._resting.get(service, 0.0))

    def _too_late(self) -> Iterator[Outcome]:
        """Those for whom no time is left in this run."""
        for service, line in self._waiting.items():
            if not line or self._free_at(service) <= self._deadline:
                continue
            why = "wants to be left alone for longer" if service in self._resting else "was not asked"
            error = ServiceUnreachable(f"{service} {why}: the time of this run is over")
            while line:
                yield Outcome(identity=line.popleft(), state=State.FAILED, error=error)

    def _begin(self) -> None:
        for service, line in self._waiting.items():
            while line and self._may_begin(service):
                self._under_way[service] += 1
                # A daemon, so that a second interrupt is obeyed at once.
                threading.Thread(target=self._work, args=(line.popleft(),), daemon=True).start()

    def _may_begin(self, service: str) -> bool:
        full = self._under_way.total() >= self._pace.jobs or self._under_way[service] >= self._pace.per_service
        return not full and self._free_at(service) <= self._pace.clock()

    def _work(self, identity: Identity) -> None:
        try:
            outcome = self._call(identity)
        except EveryAuthError as error:
            outcome = Outcome(identity=identity, state=State.FAILED, error=error)
        except Exception as error:  # noqa: BLE001 - one identity must not stop the others
            fault = EveryAuthError(f"a fault of everyauth: {type(error).__name__}")
            outcome = Outcome(identity=identity, state=State.FAILED, error=fault)
        self._done.put(outcome)

    def _ended(self) -> Iterator[Outcome]:
        """What ends next, unless a service may be asked again before that."""
        try:
            outcome = self._done.get(timeout=self._until_free())
        except Empty:
            return
        self._under_way[outcome.identity.service] -= 1
        if not self._again(outcome):
            yield outcome

    def _until_free(self) -> float | None:
        """Seconds until the first service that rests may be asked again."""
        now = self._pace.clock()
        rests = [self._resting.get(service, 0.0) - now for service, line in self._waiting.items() if line]
        return min((rest for rest in rests if rest > 0), default=None)

    def _again(self, outcome: Outcome) -> bool:
        """Let a service rest that asks for it; whether there is time to try once more after that."""
        if outcome.rest is None:
            return False
        service = outcome.identity.service
        self._resting[service] = max(self._pace.clock() + outcome.rest, self._resting.get(service, 0.0))
        if self._resting[service] > self._deadline or self._pace.stopped():
            return False
        self._waiting[service].appendleft(outcome.identity)
        return True
