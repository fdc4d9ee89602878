"""A store in memory: for tests, and for programs that keep nothing."""

from __future__ import annotations

from bisect import bisect_right
from typing import NamedTuple

from everyauth_cli.errors import StoreError
from everyauth_cli.model import RecordKey, Secret
from everyauth_cli.store.file_locks import ThreadLocks
from everyauth_cli.store.records import (
    NOT_LOOKED_UP,
    Draft,
    DueTexts,
    Query,
    Record,
    Store,
    Texts,
    VersionConflict,
    new_version,
    parse_object,
)


class Kept(NamedTuple):
    """A record, and its version."""

    draft: Draft
    version: str


class MemoryRecords:
    """Records in a dict."""

    exists = caches = True

    def __init__(self) -> None:
        self.records: dict[RecordKey, Kept] = {}

    def probe(self, key: RecordKey, name: str) -> bool:  # noqa: ARG002
        return False

    def get(self, key: RecordKey, name: str) -> Record | None:
        kept = self.records.get(key)
        if kept is None:
            return None
        try:
            return Record(kept.draft.metadata, Secret(parse_object(kept.draft.secret.reveal())), kept.version)
        except (ValueError, TypeError):
            raise StoreError(f"{name} is damaged", hint="delete that record, then log in again") from None

    def peek(self, key: RecordKey) -> str | None:
        kept = self.records.get(key)
        return None if kept is None else kept.draft.metadata

    def save(self, key: RecordKey, name: str, draft: Draft, *, version: str | None) -> str:
        kept = Kept(draft, new_version())
        before = self.records.get(key)
        if (before.version if before else None) != version:
            raise VersionConflict(f"another thread changed {name} since it was read")
        if before is None:
            # Of several threads one succeeds.
            if self.records.setdefault(key, kept) is not kept:
                raise VersionConflict(f"another thread made {name} meanwhile")
        else:
            self.records[key] = kept
        return kept.version

    def add(self, key: RecordKey, metadata: str) -> bool:
        kept = Kept(Draft(metadata, Secret("{}"), NOT_LOOKED_UP), "")
        return self.records.setdefault(key, kept).draft.metadata == metadata

    def delete(self, key: RecordKey, name: str) -> None:  # noqa: ARG002 - the keyring's records go by their name
        self.records.pop(key, None)

    def list(self, query: Query, *, after: RecordKey | None, limit: int | None) -> Texts:
        records = self.records.copy()  # other threads may write meanwhile
        keys = sorted(key for key, kept in records.items() if query.matches(key, kept.draft.lookup))
        behind = keys if after is None else keys[bisect_right(keys, after) :]
        return [(key, records[key].draft.metadata) for key in behind[:limit]]

    def due(
        self, profile: str, service: str, *, before: int, after: tuple[int, RecordKey] | None, limit: int
    ) -> DueTexts:
        found = sorted(
            (kept.draft.lookup.due_at, key, kept.draft.metadata)
            for key, kept in self.records.copy().items()
            if (key.profile, key.service) == (profile, service)
            and kept.draft.lookup.due_at is not None
            and kept.draft.lookup.due_at < before
        )
        return [one for one in found if after is None or one[:2] > after][:limit]

    def unreported(self, profile: str, *, since: int) -> Texts:
        found = sorted(
            (kept.draft.lookup.unreported_since, key, kept.draft.metadata)
            for key, kept in self.records.copy().items()
            if key.profile == profile and (kept.draft.lookup.unreported_since or -1) >= since
        )
        return [(key, metadata) for _, key, metadata in found]

    def describe(self) -> str:
        return "the memory of this process"


def memory_store() -> Store:
    """A store that ends with the process."""
    return Store(url="memory:", backend=MemoryRecords(), locks=ThreadLocks())
