"""What happened at each service on this machine: small rotating files of events, without a secret in them."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from everyauth_cli.errors import EveryAuthError, ServiceError, ServiceUnreadable, StoreError
from everyauth_cli.model import RecordKey, Secret
from everyauth_cli.private_files import make_directory, open_private
from everyauth_cli.sanitize import printable, redact, without_secrets
from everyauth_cli.store.locks import FileLocks

LARGEST = 256 * 1024
"""Bytes of a log file, after which a new one is begun; the one before it is kept."""
LATEST = 253_402_300_800_000
"""The year 10000 in milliseconds, which no calendar here goes beyond."""
DONE, FAILED = "done", "failed"
LOGIN, REFRESH, REVOCATION, ACCOUNT = "login", "refresh", "revocation", "account"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What was done at a service for whom, and how it ended.

    `when` is milliseconds since the epoch, `duration` milliseconds. `error` is the service's own error code where it
    gave one, else ours; `said` is the message, which has the service's description in it.
    """

    when: int
    profile: str
    service: str
    user: str
    tenant: str
    what: str
    outcome: str
    error: str | None = None
    said: str | None = None
    status: int | None = None
    duration: int | None = None


Record = Callable[[Event], None]


def ignore(_: Event) -> None:
    """Record nothing."""


@contextmanager
def recorded(
    record: Record,
    clock: Callable[[], int],
    what: str,
    key: RecordKey,
    *,
    hide: Sequence[Secret[str] | None] = (),
    done: bool = True,
) -> Iterator[list[str]]:
    """Record how the block ends, for whom `key` says; the secrets in `hide` are taken out of what is said.

    What the block puts into the list is said of a good end; without `done` a good end is not one yet. An error that
    nobody foresaw has the command that shows the log for its hint.
    """
    started = clock()
    event = Event(
        when=started,
        profile=key.profile,
        service=key.service,
        user=printable(key.user),
        tenant=printable(key.tenant),
        what=what,
        outcome=DONE,
    )
    remarks: list[str] = []
    try:
        yield remarks
    except EveryAuthError as error:
        # What a service echoes must not be shown, stored or sent anywhere else either.
        error.message = without_secrets(error.message, *hide)
        error.args = (error.message,)
        failed = replace(
            event,
            outcome=FAILED,
            error=redact(getattr(error, "error", None) or error.code, *hide),
            said=printable(redact(error.message, *hide)),
            status=getattr(error, "status", None),
            duration=clock() - started,
        )
        record(failed)
        if type(error) in (ServiceError, ServiceUnreadable) and error.hint is None:
            error.hint = f"everyauth service log {key.service}"
        raise
    if done:
        record(replace(event, said="; ".join(remarks) or None, duration=clock() - started))


class EventLog:
    """A file of JSON lines a service, and the one before it; many processes may write at once.

    To write never fails: what a command does is worth more than the note of it.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def path(self, service: str) -> Path:
        """Where the events of a service are."""
        return self._directory / f"{service}.jsonl"

    def record(self, event: Event) -> None:
        """Append an event, if that can be done."""
        told = {name: value for name, value in asdict(event).items() if value is not None}
        with suppress(OSError, ValueError, StoreError, TimeoutError):
            self._append(self.path(event.service), json.dumps(told, separators=(",", ":")).encode() + b"\n")

    def last(self, service: str, limit: int) -> list[Event]:
        """The last events of a service, the newest at the end.

        Raises `OSError` when a file is there and cannot be read.
        """
        path = self.path(service)
        # Read the newer file first: what moves to the older one meanwhile is then read twice, and not missed.
        newer = _read(path)
        older = _read(_older(path)) if len(newer) < limit else []
        return (older + newer)[-limit:]

    def _append(self, path: Path, line: bytes) -> None:
        make_directory(path.parent)
        descriptor = open_private(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        try:
            # One write under O_APPEND, so that lines of several processes do not mix.
            os.write(descriptor, line)
            full = os.fstat(descriptor).st_size >= LARGEST
        finally:
            os.close(descriptor)
        if full:
            self._rotate(path)

    def _rotate(self, path: Path) -> None:
        with FileLocks(self._directory / "locks").hold(path.name, timeout=0):
            # Another process may have been first.
            if path.stat().st_size >= LARGEST:
                path.replace(_older(path))


def _older(path: Path) -> Path:
    return path.with_name(path.name + ".1")


def _read(path: Path) -> list[Event]:
    try:
        lines = path.read_bytes().splitlines()
    except FileNotFoundError:
        return []
    return [event for line in lines if (event := _event(line)) is not None]


def _event(line: bytes) -> Event | None:
    """The event of a line; None for one that a full disk cut off, or that somebody else wrote."""
    try:
        told: dict[str, Any] = json.loads(line)
        known = {field.name: told[field.name] for field in fields(Event) if field.name in told}
        return Event(**known) if all(map(_fits, known, known.values())) else None
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None


def _fits(name: str, value: object) -> bool:
    """Whether a value is of the kind that an event has under that name."""
    if name in ("when", "status", "duration"):
        return isinstance(value, int) and 0 <= value < LATEST
    return isinstance(value, str)
