"""Runs checks beside each other within a bound: one that fails, crashes or hangs stops no other."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from queue import Empty, SimpleQueue

from everyauth_cli.cli.doctor.findings import Finding, Status, failure
from everyauth_cli.cli.session import Session
from everyauth_cli.errors import EveryAuthError, UsageProblem

AT_ONCE = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A check by its name, about a service if it has a `subject`; it may find further checks.

    `exit_code` is that of a failure which has none of its own.
    """

    name: str
    run: Callable[[], Iterable[Finding | Check]]
    subject: str = ""
    exit_code: int = UsageProblem.exit_code


def run_checks(
    session: Session, checks: Iterable[Check], *, seconds: float, advance: Callable[[], None] = lambda: None
) -> list[Finding]:
    """Run checks and those that they find; return the findings, ordered by check and subject.

    After `seconds` those that have not ended are left behind, each with a finding that says so.
    """
    run = _Run(session)
    found: list[tuple[Check, list[Finding]]] = []
    for check, findings in run.ended([*checks], until=time.monotonic() + seconds):
        found.append((check, findings))
        advance()
    found += [(check, [_late(check, seconds)]) for check in run.left]
    names = list(dict.fromkeys(check.name for check in run.begun))
    places = {id(check): at for at, check in enumerate(run.begun)}
    ordered = sorted(found, key=lambda each: (names.index(each[0].name), each[0].subject, places[id(each[0])]))
    return [finding for _, findings in ordered for finding in findings]


class _Run:
    """The checks that were begun, and those of them that have not ended."""

    def __init__(self, session: Session) -> None:
        self.begun: list[Check] = []
        self.left: list[Check] = []
        self._session = session
        self._done: SimpleQueue[tuple[Check, list[Finding | Check]]] = SimpleQueue()
        self._places = threading.Semaphore(AT_ONCE)

    def ended(self, checks: list[Check], *, until: float) -> Iterator[tuple[Check, list[Finding]]]:
        """Yield each check with its findings as it ends, as long as there is time."""
        self._begin(checks)
        while self.left:
            try:
                check, items = self._done.get(timeout=max(until - time.monotonic(), 0.0))
            except Empty:
                return
            self.left.remove(check)
            self._begin([item for item in items if isinstance(item, Check)])
            yield check, [item for item in items if isinstance(item, Finding)]

    def _begin(self, checks: list[Check]) -> None:
        self.begun += checks
        self.left += checks
        for check in checks:
            # A daemon: what hangs does not keep the process.
            threading.Thread(target=self._work, args=(check,), daemon=True).start()

    def _work(self, check: Check) -> None:
        items: list[Finding | Check] = []
        with self._places:
            try:
                # Item by item, so that what was found before a failure is kept.
                for item in check.run():
                    items.append(item)  # noqa: PERF402
            except EveryAuthError as error:
                items.append(failure(self._session, check.name, error, otherwise=check.exit_code))
            except Exception as error:  # noqa: BLE001 - one check must not stop the others
                items.append(_crashed(check, error))
        self._done.put((check, items))


def _crashed(check: Check, error: Exception) -> Finding:
    about = f"{check.subject}: " if check.subject else ""
    message = f"{about}this check could not be finished: internal error: {type(error).__name__}"
    return Finding(check=check.name, status=Status.failed, message=message, exit_code=check.exit_code)


def _late(check: Check, seconds: float) -> Finding:
    about = f"{check.subject}: " if check.subject else ""
    message = f"{about}no response within {seconds:g} s"
    return Finding(check=check.name, status=Status.failed, message=message, exit_code=check.exit_code)
