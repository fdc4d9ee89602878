"""The store: records of metadata and secret, each with a version that a save is conditional on."""

from __future__ import annotations

import functools
import json
import os
import shlex
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from everyauth_cli.errors import RecordMoved, StoreError, UsageProblem
from everyauth_cli.model import RecordKey, Secret
from everyauth_cli.store.locks import Locks, hold
from everyauth_cli.store.names import record_name

if TYPE_CHECKING:
    from everyauth_cli.store.spool import Spool

LOCK_SECONDS = 210.0
"""The wait for a record's lock: longer than a refresh can hold it, so that a login is not lost to a slow service."""

BATCH = 100
"""Entries of a list that are read at a time; of more, the processor would forget the first before the last."""

SCAN: Callable[[str, int], tuple[Any, int]] = json.JSONDecoder().scan_once  # type: ignore[attr-defined] # see json.loads
"""Decodes JSON that has no blanks around it in two thirds of the time that `json.loads` takes."""

NAMES_KEPT = 4096

MOVED_TO = "moved_to"
"""The one field of a record that was moved: the URL of the store that it is in now."""


class VersionConflict(StoreError):
    """Another process changed the record since it was read; nothing was written."""

    code = "version_conflict"


class Lookup(NamedTuple):
    """The columns that a record is found by, besides its key; `tags` is a JSON list of `tag_text`.

    Times are milliseconds since the epoch: `due_at` when an identity needs a refresh or a login,
    `unreported_since` since when a login is needed and that was not reported.
    """

    identity_id: str | None = None
    tags: str | None = None
    due_at: int | None = None
    unreported_since: int | None = None


NOT_LOOKED_UP = Lookup()


class Query(NamedTuple):
    """The records to list: of a key's kind, where each other part of the key that is not empty has to match."""

    key: RecordKey
    identity_id: str = ""
    tags: tuple[str, ...] = ()

    def matches(self, key: RecordKey, lookup: Lookup) -> bool:
        """Whether a record is one of them, for a store that has no index."""
        tags = json.loads(lookup.tags or "[]")
        same_id = self.identity_id in ("", lookup.identity_id)
        return key_matches(key, self.key) and same_id and all(tag in tags for tag in self.tags)


class Entry(NamedTuple):
    """A record in a list, without its secret: not verified, so nothing secret is chosen or sent from it."""

    key: RecordKey
    metadata: dict[str, Any]


class Record:
    """A record that was read for use: its metadata is what was saved together with its secret."""

    __slots__ = ("_metadata", "secret", "version")

    def __init__(self, metadata: str | dict[str, Any], secret: Secret[dict[str, Any]], version: str) -> None:
        self._metadata = metadata
        self.secret = secret
        self.version = version

    @property
    def metadata(self) -> dict[str, Any]:
        """Decoded when it is first needed: a fresh access token is handed out without it."""
        if isinstance(self._metadata, str):
            self._metadata = parse_object(self._metadata)
        return self._metadata


class Draft(NamedTuple):
    """A record that is to be saved: JSON texts, and the columns that it is looked up by."""

    metadata: str
    secret: Secret[str]
    lookup: Lookup


Texts = list[tuple[RecordKey, str]]
"""Keys, each with its record's metadata as text."""

DueTexts = list[tuple[int, RecordKey, str]]
"""The same with the moment that each is due at."""

Entries = list[Entry]


class Backend(Protocol):
    """Keeps records; each call is whole by itself and raises `StoreError` where it cannot be done."""

    @property
    def exists(self) -> bool:
        """Whether there is a store already; else the first save makes it."""
        ...

    @property
    def caches(self) -> bool:
        """Whether a record is cheap enough for what can be fetched again; an item of a keyring is not."""
        ...

    def probe(self, key: RecordKey, name: str) -> bool:
        """Find out whether a record can be kept, without making one; False where only a record shows it.

        Raises `StoreError`.
        """
        ...

    def get(self, key: RecordKey, name: str) -> Record | None: ...

    def peek(self, key: RecordKey) -> str | None:
        """The metadata alone, not verified; touches no secret."""
        ...

    def save(self, key: RecordKey, name: str, draft: Draft, *, version: str | None) -> str:
        """Save if the version is the one given (None: if there is no record), and return the new version.

        Raises `VersionConflict`.
        """
        ...

    def add(self, key: RecordKey, metadata: str) -> bool:
        """Add a record without a secret unless there is one with other metadata; whether the store has it now."""
        ...

    def delete(self, key: RecordKey, name: str) -> None: ...

    def list(self, query: Query, *, after: RecordKey | None, limit: int | None) -> Texts: ...

    def due(
        self, profile: str, service: str, *, before: int, after: tuple[int, RecordKey] | None, limit: int
    ) -> DueTexts: ...

    def unreported(self, profile: str, *, since: int) -> Texts: ...

    def describe(self) -> str:
        """The place of the secrets, for people."""
        ...


class Store:
    """Records under their keys, over a back end, and locks between all who use them.

    The `spool` takes a record that the back end could not take when it came.
    """

    def __init__(
        self, *, url: str, backend: Backend, locks: Locks, namespace: str = "", spool: Spool | None = None
    ) -> None:
        self.url = url
        self.backend = backend
        self.locks = locks
        self.namespace = namespace
        self.spool = spool
        # Those last used: who reads one record again and again has its name at hand, and its hash.
        self._name = functools.lru_cache(NAMES_KEPT)(functools.partial(record_name, namespace=namespace))

    def name(self, key: RecordKey) -> str:
        """The name of a record. Raises `UsageProblem` for a key that is not Unicode text."""
        try:
            return self._name(key)
        except UnicodeEncodeError:
            raise UsageProblem(
                f"a name is not Unicode text: {key.service!r}, {key.tenant!r}, {key.user!r}",
                hint="check how it was decoded",
            ) from None

    def lock(self, key: RecordKey, *, timeout: float = LOCK_SECONDS) -> AbstractContextManager[None]:
        """Hold the record's lock; raises `StoreBusy` after `timeout` seconds."""
        task = f"busy with user {key.user!r} at {key.service}" if key.user else f"busy with {key.service or key.kind}"
        return hold(self.locks, self.name(key), timeout=timeout, task=task)

    def get(self, key: RecordKey) -> Record | None:
        """A record for use, verified as far as the store can. Raises `RecordMoved`, `StoreError`."""
        name = self.name(key)
        record = self.backend.get(key, name)
        if record is not None and MOVED_TO in (content := record.secret.reveal()):
            raise moved(name, content[MOVED_TO])
        return record

    def peek(self, key: RecordKey) -> dict[str, Any] | None:
        """The metadata of a record for show: not verified, and no secret is touched."""
        text = self.backend.peek(key)
        return None if text is None else _metadata(key, text)

    def save(
        self,
        key: RecordKey,
        metadata: Mapping[str, Any],
        secret: Secret[dict[str, Any]],
        *,
        version: str | None,
        lookup: Lookup = NOT_LOOKED_UP,
    ) -> str:
        """Save both parts if the record has the version that was read, and return the new one.

        With None there must be no record yet. Raises `VersionConflict`, with nothing written.
        """
        text = Secret(json.dumps(secret.reveal(), separators=(",", ":")))
        draft = Draft(json.dumps(metadata, separators=(",", ":")), text, lookup)
        assert "\n" not in (lookup.identity_id or "")
        return self.backend.save(key, self.name(key), draft, version=version)

    def add(self, key: RecordKey, metadata: Mapping[str, Any]) -> bool:
        """Add a record without a secret; False where there is another. Of several who add at once one succeeds.

        The same metadata is no other, so that a call may be made again after a lost response. It is for what is worth
        nothing after a while: a loss of power may take it.
        """
        return self.backend.add(key, json.dumps(metadata, separators=(",", ":")))

    def delete(self, key: RecordKey) -> None:
        """Delete a record, if there is one. Call it under the record's lock."""
        name = self.name(key)
        if self.spool is not None:
            self.spool.remove(name)
        self.backend.delete(key, name)

    def list(self, query: Query, *, after: RecordKey | None = None, limit: int | None = None) -> Entries:
        """Records sorted by profile, service, tenant and user; touches no secret.

        With a `limit` no more than that many, and only those that sort behind `after`, which need not exist any more:
        so a listing is read in pages while others write.
        """
        found = self.backend.list(query, after=after, limit=limit)
        return [Entry(key, _metadata(key, text)) for key, text in found]

    def entries(self, query: Query, *, after: RecordKey | None = None) -> Iterator[Entry]:
        """All of them one by one, read in batches, so that memory stays flat."""
        while True:
            batch = self.list(query, after=after, limit=BATCH)
            yield from batch
            if len(batch) < BATCH:
                return
            after = batch[-1].key

    def due(self, profile: str, service: str, *, before: int) -> Iterator[Entry]:
        """The records of a service that are due before that moment, the first due first, read in batches."""
        after: tuple[int, RecordKey] | None = None
        while True:
            batch = self.backend.due(profile, service, before=before, after=after, limit=BATCH)
            yield from (Entry(key, _metadata(key, text)) for _, key, text in batch)
            if len(batch) < BATCH:
                return
            after = batch[-1][:2]

    def unreported(self, profile: str, *, since: int) -> Entries:
        """The records whose login is needed since that moment or later, and that was not reported."""
        return [Entry(key, _metadata(key, text)) for key, text in self.backend.unreported(profile, since=since)]

    def describe(self) -> str:
        """The place of the secrets, for people. Raises `StoreError`."""
        return self.backend.describe()

    def probe(self) -> None:
        """Find out beforehand whether the store can keep a record, by one that is deleted if nothing less shows it.

        Raises `StoreError`.
        """
        key = RecordKey(profile="", kind="probe", service=new_version())
        if self.backend.probe(key, self.name(key)):
            return
        try:
            version = self.save(key, {}, Secret({"probe": key.service}), version=None)
            kept = self.get(key)
        finally:
            self.delete(key)
        if kept is None or kept.version != version or kept.secret != Secret({"probe": key.service}):
            raise StoreError("the store does not give back what was written to it", hint="everyauth store status")


def tag_text(name: str, value: str) -> str:
    """A tag as it is looked up: one text in plain ASCII, which no other tag shares."""
    return json.dumps([name, value])


def moved(name: str, url: str) -> RecordMoved:
    return RecordMoved(f"{name} was moved to {url}", hint=shlex.join(["everyauth", "store", "use", url]))


def new_version() -> str:
    """A version that no other save gives, so that a record that was deleted and made anew is another one."""
    return os.urandom(8).hex()


def key_matches(key: RecordKey, pattern: RecordKey) -> bool:
    """Whether a key has the kind of the pattern, and each of its parts that is not empty."""
    return key.kind == pattern.kind and all(
        getattr(pattern, part) in ("", getattr(key, part)) for part in ("profile", "service", "tenant", "user")
    )


def parse_object(text: str) -> dict[str, Any]:
    """A JSON object that a store keeps as text; raises `ValueError` or `TypeError` where it is none."""
    try:
        try:
            found, end = SCAN(text, 0)
        except (StopIteration, ValueError):
            end = -1
        if end != len(text):
            # Edited by hand, it may have blanks around it.
            found = json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deep") from None
    if not isinstance(found, dict):
        raise TypeError("no JSON object")
    return found


def _metadata(key: RecordKey, text: str) -> dict[str, Any]:
    try:
        return parse_object(text)
    except (ValueError, TypeError):
        raise StoreError(
            f"the store's entry of {key.user or key.service} at {key.service} is damaged",
            hint="delete that record by hand, then set the client or log in again",
        ) from None
