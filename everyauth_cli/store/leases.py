"""Locks between any number of machines: rows in PostgreSQL, each with an owner and a deadline."""

from __future__ import annotations

import random
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from everyauth_cli.errors import StoreError
from everyauth_cli.store.postgres import Database

LEASE_SECONDS = 15.0
"""How long a lock outlives a holder that was killed; shorter than others wait for it."""

FIRST_PAUSE = 0.01
LONGEST_PAUSE = 0.25

# By the server's clock alone, and when the row is ours already too: an answer may have been lost on the way.
ACQUIRE = """
INSERT INTO everyauth_leases AS lease VALUES (%s, %s, clock_timestamp() + make_interval(secs => %s))
ON CONFLICT (name) DO UPDATE SET owner = EXCLUDED.owner, deadline = EXCLUDED.deadline
WHERE lease.deadline < clock_timestamp() OR lease.owner = EXCLUDED.owner
RETURNING owner
"""
RENEW = """
UPDATE everyauth_leases SET deadline = clock_timestamp() + make_interval(secs => %s) WHERE name = %s AND owner = %s
"""
RELEASE = "DELETE FROM everyauth_leases WHERE name = %s AND owner = %s"


class Leases:
    """One row a lock, renewed by a thread while it is held; no connection is kept for it.

    A holder that cannot renew in time (it was stopped, or cut off) loses its lease to the next one that asks. It
    notices when it writes: a record's version is then another one.
    """

    def __init__(self, database: Database, *, seconds: float = LEASE_SECONDS) -> None:
        self._database = database
        self._seconds = seconds

    @contextmanager
    def hold(self, name: str, *, timeout: float) -> Iterator[None]:
        """Hold the lock of `name`; raises `TimeoutError` after `timeout` seconds."""
        owner = secrets.token_hex(8)
        self._acquire(name, owner, time.monotonic() + timeout)
        done = threading.Event()
        renewing = threading.Thread(target=self._renew, args=(name, owner, done), daemon=True)
        renewing.start()
        try:
            yield
        finally:
            done.set()
            renewing.join()
            # What is done is done: a lease that cannot be given back now ends by itself.
            with suppress(StoreError):
                self._database.run(RELEASE, [name, owner])

    def _acquire(self, name: str, owner: str, deadline: float) -> None:
        pause = FIRST_PAUSE
        while not self._database.run(ACQUIRE, [name, owner, self._seconds]):
            if time.monotonic() >= deadline:
                raise TimeoutError(f"another process holds {name}")
            # Not all at the same moment.
            time.sleep(pause * random.uniform(0.5, 1))  # noqa: S311 - it keeps no secret
            pause = min(pause * 2, LONGEST_PAUSE)

    def _renew(self, name: str, owner: str, done: threading.Event) -> None:
        while not done.wait(self._seconds / 3):
            # A server that is away for a moment, or a connection that was cut off, leaves time for another try.
            with suppress(StoreError):
                self._database.run(RENEW, [self._seconds, name, owner], seconds=self._seconds / 5)
