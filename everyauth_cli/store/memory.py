"""A store in memory: for tests, and for programs that keep nothing."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from typing import Any

from everyauth_cli.model import RecordKey, Secret
from everyauth_cli.store.locks import ThreadLocks
from everyauth_cli.store.records import Store, key_matches


class MemoryIndex:
    """Public halves in a dict."""

    def __init__(self) -> None:
        self._records: dict[RecordKey, dict[str, Any]] = {}

    @property
    def exists(self) -> bool:
        return True

    def read(self, key: RecordKey) -> dict[str, Any] | None:
        public = self._records.get(key)
        return None if public is None else dict(public)

    def find(
        self, key: RecordKey, *, after: RecordKey | None = None, limit: int | None = None
    ) -> list[tuple[RecordKey, dict[str, Any]]]:
        records = self._records.copy()  # other threads may write meanwhile
        keys = sorted(k for k in records if key_matches(k, key))
        behind = keys if after is None else keys[bisect_right(keys, after) :]
        return [(k, dict(records[k])) for k in behind[:limit]]

    def write(self, key: RecordKey, public: Mapping[str, Any]) -> None:
        self._records[key] = dict(public)

    def add(self, key: RecordKey, public: Mapping[str, Any]) -> bool:
        return self._records.setdefault(key, dict(public)) == public

    def delete(self, key: RecordKey) -> None:
        self._records.pop(key, None)


class MemoryVault:
    """Secret halves in a dict."""

    def __init__(self) -> None:
        self._secrets: dict[str, Secret[str]] = {}

    def read(self, name: str) -> Secret[str] | None:
        return self._secrets.get(name)

    def write(self, name: str, secret: Secret[str]) -> None:
        self._secrets[name] = secret

    def delete(self, name: str) -> None:
        self._secrets.pop(name, None)

    def describe(self) -> str:
        return "the memory of this process"


def memory_store() -> Store:
    """A store that is gone when the process ends."""
    return Store(url="memory:", index=MemoryIndex(), open_vault=MemoryVault, locks=ThreadLocks())
