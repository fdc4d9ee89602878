"""Locks between the processes and threads of one machine, on files of their own."""

from __future__ import annotations

import errno
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from everyauth_cli.errors import StoreUnavailable
from everyauth_cli.private_files import check_owners, make_directory, open_private

BUSY = (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES, errno.EDEADLK)
"""The errors that say that another holds a lock; any other says that locks do not work there."""

FIRST_PAUSE = 0.005
LONGEST_PAUSE = 0.05

if sys.platform == "win32":
    import msvcrt

    def _try_lock(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

    def _still_named(descriptor: int, path: Path) -> bool:  # noqa: ARG001 - an open file cannot be removed there
        return True

else:
    import fcntl

    def _try_lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _still_named(descriptor: int, path: Path) -> bool:
        try:
            return os.path.samestat(os.fstat(descriptor), path.stat())
        except FileNotFoundError:
            return False


class FileLocks:
    """One lock file a name, which exists only while the lock is held or waited for.

    The data itself is never locked: it is replaced, and a lock on a replaced file holds nothing.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    @contextmanager
    def hold(self, name: str, *, timeout: float) -> Iterator[None]:
        """Hold the lock of `name`; raises `TimeoutError` after `timeout` seconds."""
        import hashlib

        path = self.directory / hashlib.sha256(name.encode()).hexdigest()[:32]
        descriptor = self._acquire(path, time.monotonic() + timeout)
        try:
            yield
        finally:
            if sys.platform != "win32":
                # Removed while it is held: a process that waits on it finds another file under the name, or none.
                path.unlink(missing_ok=True)
            os.close(descriptor)

    def _acquire(self, path: Path, deadline: float) -> int:
        pause = FIRST_PAUSE
        while True:
            descriptor = self._open(path)
            try:
                _try_lock(descriptor)
                if _still_named(descriptor, path):
                    return descriptor
            except OSError as error:
                if error.errno not in BUSY:
                    os.close(descriptor)
                    raise self._unsupported(error) from None
                if time.monotonic() >= deadline:
                    os.close(descriptor)
                    raise TimeoutError(f"another process holds {path}") from None
                time.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE)
            os.close(descriptor)

    def _unsupported(self, error: OSError) -> StoreUnavailable:
        return StoreUnavailable(
            f"files in {self.directory} cannot be locked (flock: {error.strerror}), so two processes could use one"
            " refresh token",
            hint="name a directory on a local disk with EVERYAUTH_HOME, or have that file system mounted with locks",
        )

    def _open(self, path: Path) -> int:
        check_owners(self.directory)
        try:
            make_directory(self.directory)
            return open_private(path, os.O_RDWR | os.O_CREAT)
        except OSError as error:
            raise StoreUnavailable(
                f"cannot make a lock file in {self.directory}: {error.strerror}",
                hint="make that directory writable, or name another with EVERYAUTH_HOME",
            ) from None


class ThreadLocks:
    """The same between the threads of one process, for a store in memory."""

    def __init__(self) -> None:
        self._locks: dict[str, threading.Lock] = {}
        self._guard = threading.Lock()

    @contextmanager
    def hold(self, name: str, *, timeout: float) -> Iterator[None]:
        """Hold the lock of `name`; raises `TimeoutError` after `timeout` seconds."""
        with self._guard:
            lock = self._locks.setdefault(name, threading.Lock())
        if not lock.acquire(timeout=timeout):
            raise TimeoutError(f"another thread holds {name}")
        try:
            yield
        finally:
            lock.release()
