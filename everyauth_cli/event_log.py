"""Records what was done at each service on this machine in small rotating files, which hold no secret."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

from everyauth_cli.errors import EveryAuthError, ServiceError, ServiceUnreadable, StoreError
from everyauth_cli.model import RecordKey, Secret
from everyauth_cli.private_files import make_directory, open_private
from everyauth_cli.sanitize import printable, redact, without_secrets
from everyauth_cli.store.file_locks import FileLocks
from everyauth_cli.store.whole_files import read_whole
from everyauth_cli.urls import slug

LARGEST = 256 * 1024
"""Bytes of a log file, after which a new one is begun; the one before it is kept."""
LATEST = 253_402_300_800_000
"""The year 10000 in milliseconds, the last that calendars here know."""


class Action(StrEnum):
    """An action at a service that is recorded."""

    LOGIN = "login"
    REFRESH = "refresh"
    REVOCATION = "revocation"
    ACCOUNT = "account"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """An action at a service for one user, and its outcome.

    `time` is milliseconds since the epoch, `duration` milliseconds. `error` is the service's own error code where it
    gave one, else ours; `message` holds the service's description; `status` is HTTP's.
    """

    time: int
    profile: str
    service: str
    user: str
    tenant: str
    action: str
    outcome: Literal["done", "failed"]
    error: str | None = None
    message: str | None = None
    status: int | None = None
    duration: int | None = None


FIELDS = [field.name for field in fields(Event)]

Record = Callable[[Event], None]


def ignore(_: Event) -> None:
    """Record nothing."""


@contextmanager
def recorded(
    record: Record,
    clock: Callable[[], int],
    action: Action,
    key: RecordKey,
    *secrets: Secret[str] | None,
    success: bool = True,
) -> Iterator[Callable[[str], None]]:
    """Record how the block ends, as `logged` does, with `secrets` redacted and the log named in a bare error's hint."""
    with log_named(key.service), logged(record, clock, action, key, success=success) as remark, redacted(*secrets):
        yield remark


@contextmanager
def logged(
    record: Record, clock: Callable[[], int], action: Action, key: RecordKey, *, success: bool = True
) -> Iterator[Callable[[str], None]]:
    """Record the outcome of the block for the identity of `key`; the block may add a remark to a success.

    Without `success` only a failure is recorded: the block is one part of an action that may still fail.
    """
    event = Event(
        time=clock(),
        profile=key.profile,
        service=key.service,
        user=printable(key.user),
        tenant=printable(key.tenant),
        action=action,
        outcome="done",
    )
    remarks: list[str] = []
    try:
        yield remarks.append
    except EveryAuthError as error:
        record(_failed(event, error, duration=clock() - event.time))
        raise
    if success:
        record(replace(event, message="; ".join(remarks) or None, duration=clock() - event.time))


def _failed(event: Event, error: EveryAuthError, *, duration: int) -> Event:
    return replace(
        event,
        outcome="failed",
        error=redact(getattr(error, "error", None) or error.code),
        message=printable(redact(error.message)),
        status=getattr(error, "status", None),
        duration=duration,
    )


@contextmanager
def redacted(*secrets: Secret[str] | None) -> Iterator[None]:
    """Raise an error of the block without these secrets: a service may echo what it was sent."""
    try:
        yield
    except EveryAuthError as error:
        clean = error.copy(message=without_secrets(error.message, *secrets))
        if isinstance(clean, ServiceError) and clean.error is not None:
            clean.error = without_secrets(clean.error, *secrets)
        raise clean from None


@contextmanager
def log_named(service: str) -> Iterator[None]:
    """Raise an error of the block that suggests nothing, and that no class describes, with the command for the log."""
    try:
        yield
    except ServiceError as error:
        if type(error) not in (ServiceError, ServiceUnreadable) or error.hint is not None:
            raise
        raise error.copy(hint=f"everyauth service log {shlex.quote(service)}") from None


class EventLog:
    """Appends events to one file of JSON lines for each service; many processes may write at once.

    Writing never fails: a login or refresh is worth more than its record.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def path(self, service: str) -> Path:
        """Return the path of a service's file."""
        return self._directory / f"{slug(service)}.jsonl"

    def record(self, event: Event) -> None:
        """Append an event, if it can be written."""
        line = {name: value for name in FIELDS if (value := getattr(event, name)) is not None}
        with suppress(OSError, ValueError, StoreError, TimeoutError):
            self._append(self.path(event.service), json.dumps(line, separators=(",", ":")).encode() + b"\n")

    def last(self, service: str, limit: int, *, profile: str = "") -> list[Event]:
        """Return the last events of a service, in a profile or in all, the newest at the end.

        Raises `OSError` when a file exists and cannot be read.
        """
        path = self.path(service)
        # The newer file first: events that a rotation moves meanwhile are then read twice, not missed.
        newer = _read(path, profile)
        older = _read(_older(path), profile) if len(newer) < limit else []
        return (older + newer)[-limit:]

    def _append(self, path: Path, line: bytes) -> None:
        make_directory(path.parent)
        descriptor = open_private(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        try:
            # One write under O_APPEND, so that the lines of several processes do not mix.
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


def _read(path: Path, profile: str) -> list[Event]:
    try:
        lines = read_whole(path, most=4 * LARGEST).splitlines()
    except FileNotFoundError:
        return []
    found = (event for line in lines if (event := _event(line)) is not None)
    return [event for event in found if profile in ("", event.profile)]


def _event(line: bytes) -> Event | None:
    """Read the event of a line; None for a line that a full disk cut off or another program wrote."""
    try:
        values: dict[str, Any] = json.loads(line)
        known = {name: values[name] for name in FIELDS if name in values}
        return Event(**known) if all(map(_fits, known, known.values())) else None
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None


def _fits(name: str, value: object) -> bool:
    """Return whether a value has the type of that field of an event."""
    if name in ("time", "status", "duration"):
        return isinstance(value, int) and 0 <= value < LATEST
    return isinstance(value, str)
