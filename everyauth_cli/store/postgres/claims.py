"""Locks between any number of machines: rows in PostgreSQL, each with an owner and a deadline."""

from __future__ import annotations

import os
import random
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from everyauth_cli.errors import StoreError
from everyauth_cli.store.postgres.database import PostgresDatabase

CLAIM_SECONDS = 15.0
"""The time that a claim outlives a killed holder on another machine; others wait longer than that for it."""

FIRST_PAUSE = 0.01
LONGEST_PAUSE = 0.25

# By the server's clock alone, and when the row is ours already too: a response may have been lost on the way.
ACQUIRE = """
INSERT INTO everyauth_claims AS claim VALUES (?, ?, clock_timestamp() + make_interval(secs => ?))
ON CONFLICT (name) DO UPDATE SET owner = EXCLUDED.owner, deadline = EXCLUDED.deadline
WHERE claim.deadline < clock_timestamp() OR claim.owner IN (EXCLUDED.owner, ?)
RETURNING owner
"""
HOLDER = "SELECT owner FROM everyauth_claims WHERE name = ?"
RENEW = """
UPDATE everyauth_claims SET deadline = clock_timestamp() + make_interval(secs => ?) WHERE name = ? AND owner = ?
"""
RELEASE = "DELETE FROM everyauth_claims WHERE name = ? AND owner = ?"

PROC = Path("/proc")
ENDED = ("Z", "X")


class Claims:
    """One row a lock, renewed by a thread while it is held; no connection is kept for it.

    A holder that cannot renew in time (it was stopped, or cut off) loses its claim to the next one that asks. It
    notices when it writes: a record's version is then another one. The claim of a process of this machine that has
    ended is taken over at once.
    """

    def __init__(self, database: PostgresDatabase, *, seconds: float = CLAIM_SECONDS) -> None:
        self._database = database
        self._seconds = seconds

    @contextmanager
    def hold(self, name: str, *, timeout: float) -> Iterator[None]:
        """Hold the lock of `name`; raises `TimeoutError` after `timeout` seconds."""
        owner = new_owner()
        self._acquire(name, owner, time.monotonic() + timeout)
        done = threading.Event()
        renewing = threading.Thread(target=self._renew, args=(name, owner, done), daemon=True)
        renewing.start()
        try:
            yield
        finally:
            done.set()
            renewing.join()
            try:
                self._database.change(RELEASE, (name, owner))
            except StoreError:
                # What is done is done; but the next one must not wait for the claim's end where the server is back.
                threading.Thread(target=self._release_later, args=(name, owner), daemon=True).start()

    def _release_later(self, name: str, owner: str) -> None:
        """Release a claim as soon as the server can, unless it has ended by itself."""
        until = time.monotonic() + self._seconds
        while time.monotonic() < until:
            time.sleep(LONGEST_PAUSE)
            with suppress(StoreError):
                self._database.change(RELEASE, (name, owner))
                return

    def _acquire(self, name: str, owner: str, deadline: float) -> None:
        pause, ended = FIRST_PAUSE, ""
        while not self._database.run(ACQUIRE, (name, owner, str(self._seconds), ended)):
            if (holder := self._ended_holder(name)) is not None:
                ended = holder
                continue
            if time.monotonic() >= deadline:
                raise TimeoutError(f"another process holds {name}")
            # Not all at the same moment.
            time.sleep(pause * random.uniform(0.5, 1))  # noqa: S311 - it keeps no secret
            pause = min(pause * 2, LONGEST_PAUSE)

    def _ended_holder(self, name: str) -> str | None:
        rows = self._database.run(HOLDER, (name,))
        return rows[0][0] if rows and has_ended(rows[0][0]) else None

    def _renew(self, name: str, owner: str, done: threading.Event) -> None:
        while not done.wait(self._seconds / 3):
            # A server that is away for a moment, or a connection that was cut off, leaves time for another try.
            with suppress(StoreError):
                self._database.run(RENEW, (str(self._seconds), name, owner), seconds=self._seconds / 5)


def new_owner() -> str:
    """A name for a holder, by which other processes of this machine can tell whether it still runs."""
    return f"{_machine()} {os.getpid()} {_started(os.getpid())} {secrets.token_hex(8)}"


def has_ended(owner: str) -> bool:
    """Whether an owner is a process of this machine that has ended."""
    machine, _, rest = owner.partition(" ")
    words = rest.split(" ")
    if machine in ("", "-") or machine != _machine() or not words[0].isdecimal():
        return False
    pid = int(words[0])
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        # Another user's process, which exists.
        return False
    return words[1:2] != ["-"] and _started(pid) not in ("-", *words[1:2])


def _machine() -> str:
    """This start of this machine, and the space that its process numbers are of: a container has its own."""
    try:
        boot = (PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot}/{(PROC / 'self/ns/pid').stat().st_ino}"
    except OSError:
        return "-"


def _started(pid: int) -> str:
    """When a process started, in the kernel's ticks: a number may be given again. One that was killed has ended."""
    try:
        fields = (PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace").rpartition(") ")[2].split()
    except OSError:
        return "-"
    return "ended" if fields[0] in ENDED else fields[19]
