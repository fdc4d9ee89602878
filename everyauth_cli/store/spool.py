"""Files for records that their store could not take when they came: sealed, and written back by a later call."""

from __future__ import annotations

import base64
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from everyauth_cli.model import Secret
from everyauth_cli.private_files import write_privately
from everyauth_cli.store.whole_files import read_whole

LARGEST_SPOOLED = 16 * 1024 * 1024
"""Bytes of a file: a record with a response that could not be read, sealed and encoded."""


@dataclass(frozen=True, kw_only=True)
class Spool:
    """One file for each record of the store `url`; `seal` and `unseal` use the store's sealing key."""

    directory: Path
    url: str
    seal: Callable[[str, Secret[str]], bytes]
    unseal: Callable[[str, bytes], Secret[str] | None]

    def put(self, name: str, text: Secret[str]) -> Path:
        """Write a record's file, and return its path. Raises `StoreError`, `ConfigurationProblem`."""
        path = self._path(name)
        write_privately(path, base64.b64encode(self.seal(name, text)).decode())
        return path

    def get(self, name: str) -> Secret[str] | None:
        """Read a record's file; None where there is none, or one that cannot be opened with the keys of now."""
        try:
            sealed = base64.b64decode(read_whole(self._path(name), most=LARGEST_SPOOLED), validate=True)
        except (OSError, ValueError):
            return None
        return self.unseal(name, sealed)

    def remove(self, name: str) -> None:
        """Remove a record's file, if there is one."""
        with suppress(OSError):
            self._path(name).unlink()

    def _path(self, name: str) -> Path:
        import hashlib  # not at start-up: OpenSSL behind it costs a third of a bare Python

        return self.directory / hashlib.sha256(f"{self.url}\n{name}".encode()).hexdigest()[:32]
