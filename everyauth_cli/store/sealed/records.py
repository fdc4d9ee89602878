"""Records in a table, each sealed: the secret part is encrypted, and every other column is bound to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from everyauth_cli.errors import StoreError, WrongKey
from everyauth_cli.model import RecordKey, Secret
from everyauth_cli.store.at_once import check_may_wait
from everyauth_cli.store.records import (
    BATCH,
    Draft,
    DueTexts,
    Query,
    Record,
    Texts,
    VersionConflict,
    new_version,
    parse_object,
)
from everyauth_cli.store.sealed.cell import KEY_ID_BYTES, associated_data
from everyauth_cli.store.table import RecordTable, Row

if TYPE_CHECKING:
    from everyauth_cli.store.sealed.sealer import Sealer


SPOOLED = b"everyauth spool\n"


class SealedRecords:
    """Seals with the first of the keys; all of them open, which is how a key is rotated.

    After a rotation the table says which key is in use: a save succeeds with that one only, because what was sealed
    with an old key could soon be opened by no key. The keys are read when the first secret is.
    """

    caches = True

    def __init__(self, table: RecordTable, read_keys: Callable[[], list[Secret[bytes]]], *, where: str) -> None:
        self.table = table
        self._read_keys = read_keys
        self._where = where
        self._in_use: Sealer | None = None
        self._sealers: dict[bytes | None, Sealer] = {}

    @property
    def exists(self) -> bool:
        return self.table.exists

    def probe(self, key: RecordKey, name: str) -> bool:  # noqa: ARG002
        return False

    def get(self, key: RecordKey, name: str) -> Record | None:
        row = self.table.read(key)
        if row is None:
            return None
        metadata, sealed, version, key_id = row[:4]
        sealer = self._sealers.get(key_id) or self._sealer(key_id, name)
        text = sealer.unseal(name, sealed, bound_to=associated_data(name, metadata, version, row[4:]))
        if text is None:
            raise _changed(name)
        try:
            return Record(metadata, Secret(parse_object(text.reveal())), version)
        except (ValueError, TypeError):
            raise _changed(name) from None

    def peek(self, key: RecordKey) -> str | None:
        return self.table.peek(key)

    def save(self, key: RecordKey, name: str, draft: Draft, *, version: str | None) -> str:
        sealer, new = self._sealer_in_use(), new_version()
        while not self.table.save(key, _row(sealer, name, draft, new), version=version):
            in_use = self.table.key_in_use()
            if in_use is None or in_use == sealer.key_id:
                raise VersionConflict(f"another process changed {name} since it was read")
            sealer = self._in_use = self._sealer_of(in_use)
        return new

    def add(self, key: RecordKey, metadata: str) -> bool:
        return self.table.add(key, metadata)

    def delete(self, key: RecordKey, name: str) -> None:  # noqa: ARG002 - the keyring's records go by their name
        self.table.delete(key)

    def list(self, query: Query, *, after: RecordKey | None, limit: int | None) -> Texts:
        return self.table.list(query, after=after, limit=limit)

    def due(
        self, profile: str, service: str, *, before: int, after: tuple[int, RecordKey] | None, limit: int
    ) -> DueTexts:
        return self.table.due(profile, service, before=before, after=after, limit=limit)

    def unreported(self, profile: str, *, since: int) -> Texts:
        return self.table.unreported(profile, since=since)

    def describe(self) -> str:
        self._sealer_in_use()
        return self._where

    def use_first_key(self) -> None:
        """Let every save from now on be made with this process's first key."""
        self.table.use_key(self._sealer_in_use().key_id)

    def outdated(self) -> Iterator[RecordKey]:
        """The records that are sealed with another key than the first."""
        after = None
        while batch := self.table.outdated(self._sealer_in_use().key_id, after=after, limit=BATCH):
            yield from batch
            after = batch[-1]

    def reseal(self, key: RecordKey, name: str) -> None:
        """Seal a record with the first key, unless it is saved meanwhile. Raises `WrongKey`, `StoreError`."""
        found, sealer = self.table.read(key), self._sealer_in_use()
        if found is None:
            return
        row = Row._make(found)
        bound_to = associated_data(name, row.metadata, row.version, row[4:])
        text = self._sealer(row.key_id, name).unseal(name, row.sealed, bound_to=bound_to)
        if text is None:
            raise _changed(name)
        self.table.reseal(key, sealer.seal(name, text, bound_to=bound_to), sealer.key_id, version=row.version)

    def seal_text(self, name: str, text: Secret[str]) -> bytes:
        """Seal a text that is kept outside the table, with the key in use and its id before it."""
        sealer = self._sealer_in_use()
        return sealer.key_id + sealer.seal(name, text, bound_to=SPOOLED + name.encode())

    def unseal_text(self, name: str, sealed: bytes) -> Secret[str] | None:
        """Open such a text; None where it was changed, or sealed with a key that is not known any more."""
        try:
            sealer = self._sealer(sealed[:KEY_ID_BYTES], name)
        except WrongKey:
            return None
        return sealer.unseal(name, sealed[KEY_ID_BYTES:], bound_to=SPOOLED + name.encode())

    def _sealer_in_use(self) -> Sealer:
        if self._in_use is None:
            self._read_sealers()
            assert self._in_use is not None
        return self._in_use

    def _read_sealers(self) -> None:
        check_may_wait()
        from everyauth_cli.store.sealed.sealer import Sealer  # a list needs no cryptography

        sealers = [Sealer(key) for key in self._read_keys()]
        self._sealers = {sealer.key_id: sealer for sealer in sealers}
        self._in_use = sealers[0]

    def _sealer(self, key_id: bytes | None, name: str) -> Sealer:
        """The one of that key, read anew if it is not known: the key may have been rotated since this process began."""
        if key_id not in self._sealers:
            self._read_sealers()
        try:
            return self._sealers[key_id]
        except (KeyError, TypeError):
            raise WrongKey(
                f"{name} was sealed with another key than the ones that are known here",
                hint="give the key it was sealed with in EVERYAUTH_KEY_FILE or EVERYAUTH_KEY; nothing was changed",
            ) from None

    def _sealer_of(self, in_use: bytes) -> Sealer:
        if in_use not in self._sealers:
            self._read_sealers()
        if in_use not in self._sealers:
            raise WrongKey(
                f"the sealing key was rotated, and the new one is not known here ({self._where})",
                hint="bring the new key here, in the place of the old one",
            )
        return self._sealers[in_use]


def _row(sealer: Sealer, name: str, draft: Draft, version: str) -> Row:
    bound_to = associated_data(name, draft.metadata, version, draft.lookup)
    sealed = sealer.seal(name, draft.secret, bound_to=bound_to)
    return Row(draft.metadata, sealed, version, sealer.key_id, *draft.lookup)


def _changed(name: str) -> StoreError:
    return StoreError(
        f"{name} is damaged, or was changed without the sealing key; nothing of it is used",
        hint="restore the store from a backup; or delete that record, a login with --local, and make it anew",
    )
