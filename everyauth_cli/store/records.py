"""The two halves of a record, the parts that keep them, and the store that is composed of these."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any, NamedTuple, Protocol
from urllib.parse import quote

from everyauth_cli.errors import RecordMoved, StoreBusy, StoreError
from everyauth_cli.model import RecordKey, Secret

LOCK_SECONDS = 45.0
"""How long to wait for a record's lock: longer than a refresh can take (its one deadline is 30 s)."""


PLAIN = re.compile("[A-Za-z0-9@.+_~-]*(:[A-Za-z0-9@.+_~-]*){4}")
"""A record's name all of whose parts stand for themselves, as nearly all do; to find that out is fast."""

DECODE = json.JSONDecoder().raw_decode
"""What `json.loads` does for a text with no blanks around it, in three quarters of the time."""

MOVED_TO = "moved_to"
"""What is left of a record that was moved: the URL of the store that it is in now."""


def moved(name: str, url: str) -> RecordMoved:
    return RecordMoved(f"{name} was moved to {url}", hint=f"everyauth store use {url}")


class VersionConflict(StoreError):
    """The record was changed by another process since it was read; nothing was written."""

    code = "version_conflict"


class Record(NamedTuple):
    """The secret half of a record, with the version that it was read at. One is made for each that is read."""

    version: str
    content: Secret[dict[str, Any]]


def parse_object(text: str) -> dict[str, Any]:
    """A JSON object that a store keeps as text; raises `ValueError` or `TypeError` where it is none."""
    try:
        found, end = DECODE(text)
    except ValueError:
        end = -1
    if end != len(text):
        # Somebody else's hand has put blanks around it, or it is none.
        found = json.loads(text)
    if not isinstance(found, dict):
        raise TypeError("no JSON object")
    return found


def key_matches(key: RecordKey, wanted: RecordKey) -> bool:
    """Whether a key is what `Index.find` looks for: empty parts match any."""
    return key.kind == wanted.kind and all(
        getattr(wanted, part) in ("", getattr(key, part)) for part in ("profile", "service", "tenant", "user")
    )


class Index(Protocol):
    """Keeps public halves: JSON objects without a secret. Listing never touches a vault."""

    @property
    def exists(self) -> bool:
        """Whether it is there already; else the first call makes it."""
        ...

    def read(self, key: RecordKey) -> dict[str, Any] | None: ...

    def find(
        self, key: RecordKey, *, after: RecordKey | None = None, limit: int | None = None
    ) -> list[tuple[RecordKey, dict[str, Any]]]:
        """All records of the key's kind, sorted; an empty profile, service, tenant or user matches any.

        With a `limit` no more than that many, and only those that sort behind `after`, which need not be there any
        more: so a listing is read in pages while others write.
        """
        ...

    def write(self, key: RecordKey, public: Mapping[str, Any]) -> None: ...

    def add(self, key: RecordKey, public: Mapping[str, Any]) -> bool:
        """Write a record unless another is there; whether it stands now. Of several who add at once, one succeeds.

        The same content is no other, so that a call whose answer was lost may be made again. It is for what is worth
        nothing after a while: a loss of power may take it.
        """
        ...

    def delete(self, key: RecordKey) -> None:
        """Forget a record; one that is not there is no error."""
        ...


class Vault(Protocol):
    """Keeps secret halves, each under a name. Every call raises `StoreError` when it cannot be done."""

    def read(self, name: str) -> Secret[str] | None: ...

    def write(self, name: str, secret: Secret[str]) -> None: ...

    def delete(self, name: str) -> None:
        """Forget a secret; one that is not there is no error."""
        ...

    def describe(self) -> str:
        """Where the secrets lie, for people."""
        ...


class Locks(Protocol):
    """Locks between all who use the store, one a name."""

    def hold(self, name: str, *, timeout: float) -> AbstractContextManager[None]:
        """Hold the lock; raises `TimeoutError` after `timeout` seconds."""
        ...


class Store:
    """An index and a vault put together, and the order in which both are written.

    A secret is written before its public half and deleted after it, so that a secret can always be found:
    its name is derived from the record's key, not looked up.
    """

    def __init__(
        self, *, url: str, index: Index, open_vault: Callable[[], Vault], locks: Locks, namespace: str = ""
    ) -> None:
        self.url = url
        self.index = index
        self._open_vault = open_vault
        self.locks = locks
        self.namespace = namespace

    @functools.cached_property
    def vault(self) -> Vault:
        """The vault, opened at its first use: listing needs none, and opening it may fail."""
        return self._open_vault()

    def name(self, key: RecordKey) -> str:
        """The name of a record in the vault; parts are percent-encoded, so no two keys share one."""
        parts = ":".join(key)
        if not PLAIN.fullmatch(parts):
            parts = ":".join(quote(part, safe="@.+-_~") for part in key)
        return f"everyauth{self.namespace}:{parts}".rstrip(":")

    @contextmanager
    def lock(self, key: RecordKey, *, timeout: float = LOCK_SECONDS) -> Iterator[None]:
        """Hold the record's lock; raises `StoreBusy` after `timeout` seconds."""
        with ExitStack() as held:
            try:
                held.enter_context(self.locks.hold(self.name(key), timeout=timeout))
            except TimeoutError:
                raise StoreBusy(
                    f"another everyauth has been busy with {self.name(key)} for {timeout:.0f} s",
                    hint="wait for it to end, or end it, and try again",
                ) from None
            yield

    def read(self, key: RecordKey) -> Record | None:
        """The secret half of a record."""
        name = self.name(key)
        secret = self.vault.read(name)
        if secret is None:
            return None
        try:
            content = parse_object(secret.reveal())
            if content.get(MOVED_TO):
                raise moved(name, content[MOVED_TO])
            return Record(content.pop("version"), Secret(content))
        except (ValueError, KeyError, AttributeError, TypeError):
            raise StoreError(
                f"what the store holds under {name} was not written by everyauth",
                hint="delete that item by hand, then log in again",
            ) from None

    def write(
        self, key: RecordKey, *, public: Mapping[str, Any], secret: Secret[dict[str, Any]], expect: str | None = None
    ) -> str:
        """Write both halves, the secret one first, and return the new version.

        With `expect`, nothing is written and `VersionConflict` is raised unless the record still has that
        version. Call it under the record's lock.
        """
        if expect is not None:
            current = self.read(key)
            if current is None or current.version != expect:
                raise VersionConflict(f"{self.name(key)} was changed by another process")
        import secrets

        version = secrets.token_hex(8)
        text = json.dumps({"version": version, **secret.reveal()}, separators=(",", ":"))
        self.vault.write(self.name(key), Secret(text))
        self.index.write(key, public)
        return version

    def delete(self, key: RecordKey) -> None:
        """Delete both halves, the public one first. Call it under the record's lock.

        When the vault cannot delete, the public half is put back, so that the record is still seen.
        """
        public = self.index.read(key)
        self.index.delete(key)
        try:
            self.vault.delete(self.name(key))
        except StoreError:
            if public is not None:
                self.index.write(key, public)
            raise

    def probe(self) -> None:
        """Write, read and delete a record, so that a store that cannot keep one is known beforehand.

        Raises `StoreError`.
        """
        import secrets

        key = RecordKey(profile="", kind="probe", service=secrets.token_hex(4))
        self.vault.write(self.name(key), Secret("probe"))
        try:
            kept = self.vault.read(self.name(key))
            self.index.write(key, {})
        finally:
            self.delete(key)
        if kept != Secret("probe"):
            raise StoreError("the store does not give back what was written to it", hint="everyauth store status")
