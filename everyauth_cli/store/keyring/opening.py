"""The access to the OS keyring of this session."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from everyauth_cli.store.file_locks import FileLocks
from everyauth_cli.store.keyring.library import open_keyring
from everyauth_cli.store.keyring.records import Items
from everyauth_cli.store.names import sealing_key_name


@dataclass(frozen=True, slots=True, kw_only=True)
class Keyring:
    """The OS keyring as a process finds it.

    `bus_address` is that of the session bus, `backend_name` a class of the keyring library that goes before all others.
    `lock_directory` holds the lock of all who write to the keyring; `namespace` keeps the items of one data directory
    apart from those of another.
    """

    lock_directory: Path
    bus_address: str | None = None
    backend_name: str | None = None
    may_prompt: bool = False
    namespace: str = ""

    @property
    def key_name(self) -> str:
        """The name of the sealing key's item."""
        return sealing_key_name(self.namespace)

    def open(self) -> Items:
        """Raises `StoreUnavailable` when there is no keyring that can be used."""
        return open_keyring(
            bus_address=self.bus_address,
            backend_name=self.backend_name,
            may_prompt=self.may_prompt,
            locks=FileLocks(self.lock_directory),
        )
