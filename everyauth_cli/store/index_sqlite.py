"""The index in a SQLite file: public halves as JSON, and a table of sealed cells for the vault that wants one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from everyauth_cli.model import RecordKey
from everyauth_cli.store.records import parse_object
from everyauth_cli.store.sqlite import SqliteFile

COLUMNS = ("profile", "service", "tenant", "user")


class SqliteIndex:
    """Public halves and sealed cells in the tables of one file; every call is one statement."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file

    @property
    def exists(self) -> bool:
        return self._file.path.exists()

    def read(self, key: RecordKey) -> dict[str, Any] | None:
        where, values = _where(key, COLUMNS)
        rows = self._file.run(f"SELECT public FROM records {where}", values)  # noqa: S608
        return self._read_public(rows[0][0]) if rows else None

    def find(
        self, key: RecordKey, *, after: RecordKey | None = None, limit: int | None = None
    ) -> list[tuple[RecordKey, dict[str, Any]]]:
        if after is not None:
            # A listing comes by each page of the file once: to keep those behind would be memory for nothing.
            self._file.run("PRAGMA shrink_memory")
        return [
            (RecordKey(profile, key.kind, service, tenant, user), self._read_public(public))
            for profile, service, tenant, user, public in self._file.run(*listing(key, after=after, limit=limit))
        ]

    def write(self, key: RecordKey, public: Mapping[str, Any]) -> None:
        values = (key.profile, key.kind, key.service, key.tenant, key.user, json.dumps(public))
        self._file.write("INSERT OR REPLACE INTO records VALUES (?, ?, ?, ?, ?, ?)", values)

    def add(self, key: RecordKey, public: Mapping[str, Any]) -> bool:
        values = (key.profile, key.kind, key.service, key.tenant, key.user, json.dumps(public))
        self._file.write_in_passing("INSERT OR IGNORE INTO records VALUES (?, ?, ?, ?, ?, ?)", values)
        # Not by RETURNING, which SQLite has from 3.35 on: Linux distributions that people run have an older one.
        return self.read(key) == public

    def delete(self, key: RecordKey) -> None:
        where, values = _where(key, COLUMNS)
        self._file.write(f"DELETE FROM records {where}", values)  # noqa: S608

    def read_cell(self, name: str) -> bytes | None:
        rows = self._file.run("SELECT cell FROM sealed WHERE name = ?", (name,))
        return rows[0][0] if rows else None

    def write_cell(self, name: str, cell: bytes) -> None:
        self._file.write("INSERT OR REPLACE INTO sealed VALUES (?, ?)", (name, cell))

    def delete_cell(self, name: str) -> None:
        self._file.write("DELETE FROM sealed WHERE name = ?", (name,))

    def cell_names(self) -> list[str]:
        return [name for (name,) in self._file.run("SELECT name FROM sealed ORDER BY name")]

    def _read_public(self, text: str) -> dict[str, Any]:
        try:
            return parse_object(text)
        except (ValueError, TypeError) as error:
            raise self._file.damaged(error) from None


def _where(key: RecordKey, columns: tuple[str, ...] | list[str]) -> tuple[str, list[str]]:
    """The WHERE clause for a key, over the columns named (all from COLUMNS, never from outside)."""
    terms = "".join(f" AND {column} = ?" for column in columns)
    return f"WHERE kind = ?{terms}", [key.kind, *(getattr(key, c) for c in columns)]


def listing(key: RecordKey, *, after: RecordKey | None = None, limit: int | None = None) -> tuple[str, list[str | int]]:
    """The statement that lists what `Index.find` looks for, and its values."""
    given = [column for column in COLUMNS if getattr(key, column)]
    where, values = _where(key, given)
    bound: list[str | int] = [*values]
    if after is not None:
        # Over the columns that are not given, because an index seeks with those and only filters with all.
        columns = [column for column in COLUMNS if column not in given] or COLUMNS
        where += f" AND ({', '.join(columns)}) > ({', '.join('?' * len(columns))})"
        bound += [getattr(after, column) for column in columns]
    names = ", ".join(COLUMNS)
    bound.append(-1 if limit is None else limit)
    return f"SELECT {names}, public FROM records {where} ORDER BY {names} LIMIT ?", bound  # noqa: S608
