"""The table of records, the same in SQLite and PostgreSQL: one row a record, and every call one statement."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

from everyauth_cli.model import RecordKey
from everyauth_cli.store.records import DueTexts, Query, Texts
from everyauth_cli.store.statements import HERE, KEY, READ, STORED

ORDER = ("profile", "service", "tenant", "username")
# More rows than there can be: one database has no NULL limit, the other no negative one.
ALL = 2**62

# Of the sealing keys one is in use after a rotation; before the first rotation any is.
KEY_IS_IN_USE = "NOT EXISTS (SELECT 1 FROM everyauth_sealing_key WHERE key_id <> ?)"

PEEK = f"SELECT metadata FROM everyauth_records WHERE {HERE}"
DELETE = f"DELETE FROM everyauth_records WHERE {HERE}"
COLUMNS = f"{', '.join(KEY)}, {', '.join(STORED)}"
PLACES = ", ".join("?" * len(KEY + STORED))
# The same version twice is the same save, made again after a lost response.
INSERT = (
    f"INSERT INTO everyauth_records ({COLUMNS}) SELECT {PLACES} WHERE {KEY_IS_IN_USE}"
    f" ON CONFLICT ({', '.join(KEY)}) DO UPDATE SET version = EXCLUDED.version"
    " WHERE everyauth_records.version = EXCLUDED.version"
)
UPDATE = (
    f"UPDATE everyauth_records SET {', '.join(f'{column} = ?' for column in STORED)}"
    f" WHERE {HERE} AND version IN (?, ?) AND {KEY_IS_IN_USE}"
)
REPLACE = (
    f"INSERT INTO everyauth_records ({COLUMNS}) VALUES ({PLACES}) ON CONFLICT ({', '.join(KEY)})"
    f" DO UPDATE SET {', '.join(f'{column} = EXCLUDED.{column}' for column in STORED)}"
)
ADD = (
    f"INSERT INTO everyauth_records ({', '.join(KEY)}, metadata, version) VALUES (?, ?, ?, ?, ?, ?, '')"
    f" ON CONFLICT ({', '.join(KEY)}) DO UPDATE SET metadata = EXCLUDED.metadata"
    " WHERE everyauth_records.metadata = EXCLUDED.metadata"
)
KEY_IN_USE = "SELECT key_id FROM everyauth_sealing_key"
USE_KEY = (
    "INSERT INTO everyauth_sealing_key (one, key_id) VALUES (1, ?)"
    " ON CONFLICT (one) DO UPDATE SET key_id = EXCLUDED.key_id"
)
RESEAL = f"UPDATE everyauth_records SET sealed = ?, key_id = ? WHERE {HERE} AND version = ?"
OUTDATED = f"SELECT {', '.join(KEY)} FROM everyauth_records WHERE sealed IS NOT NULL AND key_id <> ?"
DUE = (
    f"SELECT due_at, {', '.join(KEY)}, metadata FROM everyauth_records"
    " WHERE profile = ? AND service = ? AND due_at IS NOT NULL AND due_at < ?"
)
UNREPORTED = (
    f"SELECT {', '.join(KEY)}, metadata FROM everyauth_records"
    " WHERE profile = ? AND unreported_since IS NOT NULL AND unreported_since >= ? ORDER BY unreported_since"
)


class Row(NamedTuple):
    """The columns of a record besides its key."""

    metadata: str
    sealed: bytes | None
    version: str
    key_id: bytes | None
    identity_id: str | None = None
    tags: str | None = None
    due_at: int | None = None
    unreported_since: int | None = None


RowTuple = tuple[str, bytes | None, str, bytes | None, str | None, str | None, int | None, int | None]
"""A row as it is read, of which nothing is made: that would take as long as to seek it."""

Values = Sequence[str | int | bytes | None]


class Database(Protocol):
    """Runs statements with `?` for each value, each whole by itself. Raises `StoreError`."""

    by_user: str
    """Makes a query use the index by user; PostgreSQL does so by itself, SQLite takes the first that is in order."""

    @property
    def exists(self) -> bool: ...

    def run(self, statement: str, values: Values = ()) -> list[tuple[Any, ...]]:
        """Run a statement that changes nothing, and return its rows."""
        ...

    def change(self, statement: str, values: Values = (), *, lasting: bool = True) -> int:
        """Run a statement that changes something, and return how many rows it changed.

        It is on the disk then, unless it is not to be `lasting`: then a loss of power may take it.
        """
        ...

    def change_alone(self, statement: str, values: Values = ()) -> None:
        """Run a statement when no change of a record is under way: who begins one later sees what it changed."""
        ...


def _as_it_is(part: str) -> str:
    return part


class RecordTable:
    """Records in the table of one database.

    `encode` and `decode` bring a part of a key into a form that the database can hold, and back.
    """

    def __init__(
        self,
        database: Database,
        *,
        encode: Callable[[str], str] = _as_it_is,
        decode: Callable[[str], str] = _as_it_is,
    ) -> None:
        self.database = database
        self._encode = None if encode is _as_it_is else encode
        self._decode = decode

    @property
    def exists(self) -> bool:
        return self.database.exists

    def read(self, key: RecordKey) -> RowTuple | None:
        rows = self.database.run(READ, key if self._encode is None else self._values(key))
        return rows[0] if rows else None

    def peek(self, key: RecordKey) -> str | None:
        rows = self.database.run(PEEK, self._values(key))
        return rows[0][0] if rows else None

    def save(self, key: RecordKey, row: Row, *, version: str | None) -> bool:
        """Insert a row (version None), or update the one that has that version, if the row's key is the one in use."""
        values = self._values(key)
        if version is None:
            return self.database.change(INSERT, (*values, *row, row.key_id)) > 0
        return self.database.change(UPDATE, (*row, *values, version, row.version, row.key_id)) > 0

    def replace(self, key: RecordKey, row: Row) -> None:
        """Write a row, whatever there was."""
        self.database.change(REPLACE, (*self._values(key), *row))

    def add(self, key: RecordKey, metadata: str) -> bool:
        return self.database.change(ADD, (*self._values(key), metadata), lasting=False) > 0

    def delete(self, key: RecordKey) -> None:
        self.database.change(DELETE, self._values(key))

    def list(self, query: Query, *, after: RecordKey | None, limit: int | None) -> Texts:
        encode, by_user = self._encode or _as_it_is, self.database.by_user
        statement, values = listing(query, after=after, limit=limit, encode=encode, by_user=by_user)
        return [(self._key(row), row[5]) for row in self.database.run(statement, values)]

    def due(
        self, profile: str, service: str, *, before: int, after: tuple[int, RecordKey] | None, limit: int
    ) -> DueTexts:
        encode = self._encode or _as_it_is
        statement, values = due_listing(profile, service, before=before, after=after, limit=limit, encode=encode)
        return [(row[0], self._key(row[1:]), row[6]) for row in self.database.run(statement, values)]

    def unreported(self, profile: str, *, since: int) -> Texts:
        encode = self._encode or _as_it_is
        return [(self._key(row), row[5]) for row in self.database.run(UNREPORTED, (encode(profile), since))]

    def key_in_use(self) -> bytes | None:
        rows = self.database.run(KEY_IN_USE)
        return rows[0][0] if rows else None

    def use_key(self, key_id: bytes) -> None:
        self.database.change_alone(USE_KEY, (key_id,))

    def outdated(self, key_id: bytes, *, after: RecordKey | None, limit: int) -> Sequence[RecordKey]:
        """The next records that are sealed with another key than that one."""
        behind = f" AND ({', '.join(KEY)}) > ({', '.join('?' * len(KEY))})" if after else ""
        values: Values = [key_id, *(self._values(after) if after else ()), limit]
        rows = self.database.run(f"{OUTDATED}{behind} ORDER BY {', '.join(KEY)} LIMIT ?", values)
        return [self._key(row) for row in rows]

    def reseal(self, key: RecordKey, sealed: bytes, key_id: bytes, *, version: str) -> None:
        self.database.change(RESEAL, (sealed, key_id, *self._values(key), version))

    def _values(self, key: RecordKey) -> tuple[str, ...]:
        return tuple(map(self._encode, key)) if self._encode else key

    def _key(self, row: Sequence[Any]) -> RecordKey:
        return RecordKey(*map(self._decode, row[:5]))


def listing(
    query: Query,
    *,
    after: RecordKey | None = None,
    limit: int | None = None,
    encode: Callable[[str], str] = _as_it_is,
    by_user: str = "",
) -> tuple[str, list[str | int]]:
    """The statement that lists the records of a query, and its values."""
    given = {"kind": query.key.kind, **{column: part for column, part in _parts(query.key).items() if part}}
    tags = list(query.tags)
    # By the index that leaves the fewest: an id, else a user, else the longest tag, else the order of the keys.
    led_by_tag = bool(tags) and not (query.identity_id or query.key.user)
    at = "t." if led_by_tag else "r."
    terms, values = [f"{at}{column} = ?" for column in given], [encode(part) for part in given.values()]
    if led_by_tag:
        leading = max(tags, key=len)
        tags.remove(leading)
        terms = ["t.tag = ?", *terms, *(f"r.{column} = t.{column}" for column in KEY)]
        values = [leading, *values]
    if query.identity_id:
        terms, values = ["r.identity_id = ?", *terms], [query.identity_id, *values]
    bound: list[str | int] = [*values]
    for tag in tags:
        same = " AND ".join(f"o.{column} = r.{column}" for column in KEY)
        terms.append(f"EXISTS (SELECT 1 FROM everyauth_tags o WHERE o.tag = ? AND {same})")
        bound.append(tag)
    if after is not None:
        # Over the columns that are not given, because an index seeks with those and only filters with all.
        columns = [column for column in ORDER if column not in given] or list(ORDER)
        terms.append(f"({', '.join(at + column for column in columns)}) > ({', '.join('?' * len(columns))})")
        bound += [encode(_parts(after)[column]) for column in columns]
    # A cross join, which SQLite reads in the order that is written.
    tables = "everyauth_tags t CROSS JOIN everyauth_records r" if led_by_tag else "everyauth_records r"
    if query.key.user and not query.identity_id:
        tables += by_user
    names, order = (", ".join(prefix + column for column in columns) for prefix, columns in (("r.", KEY), (at, ORDER)))
    bound.append(ALL if limit is None else limit)
    return f"SELECT {names}, r.metadata FROM {tables} WHERE {' AND '.join(terms)} ORDER BY {order} LIMIT ?", bound


def due_listing(
    profile: str,
    service: str,
    *,
    before: int,
    after: tuple[int, RecordKey] | None,
    limit: int,
    encode: Callable[[str], str] = _as_it_is,
) -> tuple[str, list[str | int]]:
    """The statement that lists what is due at a service, the first due first, and its values."""
    statement = DUE
    values: list[str | int] = [encode(profile), encode(service), before]
    place = ("due_at", *KEY)
    if after is not None:
        moment, key = after
        parts = {"kind": key.kind, **_parts(key)}
        # The first term lets the index begin there; the second leaves out those of the same moment that came before.
        statement += f" AND due_at >= ? AND ({', '.join(place)}) > ({', '.join('?' * len(place))})"
        values += [moment, moment, *(encode(parts[column]) for column in KEY)]
    return f"{statement} ORDER BY {', '.join(place)} LIMIT ?", [*values, limit]


def _parts(key: RecordKey) -> dict[str, str]:
    return {"profile": key.profile, "service": key.service, "tenant": key.tenant, "username": key.user}
