"""The index in a PostgreSQL database: public halves as JSON, and a table of sealed cells for the vault."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from everyauth_cli.errors import StoreError
from everyauth_cli.model import RecordKey
from everyauth_cli.store.postgres import Database
from everyauth_cli.store.records import parse_object

# What a part of a key is called here; "user" is a word of SQL's own.
COLUMNS = {"profile": "profile", "kind": "kind", "service": "service", "tenant": "tenant", "user": "username"}
LISTED = ", ".join(COLUMNS.values())


class PostgresIndex:
    """Public halves and sealed cells in the tables of one database; every call is one statement."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @property
    def exists(self) -> bool:
        return True  # as far as it can be told without asking the server

    def read(self, key: RecordKey) -> dict[str, Any] | None:
        where, values = _where(key, list(COLUMNS))
        rows = self._database.run(f"SELECT public FROM everyauth_records {where}", values)  # noqa: S608
        return _read_public(rows[0][0]) if rows else None

    def find(
        self, key: RecordKey, *, after: RecordKey | None = None, limit: int | None = None
    ) -> list[tuple[RecordKey, dict[str, Any]]]:
        where, values = _where(key, [part for part in COLUMNS if getattr(key, part)])
        bound: list[str | int | None] = [*values]
        if after is not None:
            where += f" AND ({LISTED}) > (%s, %s, %s, %s, %s)"
            bound += [_text(getattr(after, part)) for part in COLUMNS]
        rows = self._database.run(
            f"SELECT {LISTED}, public FROM everyauth_records {where} ORDER BY {LISTED} LIMIT %s",  # noqa: S608
            [*bound, limit],
        )
        return [(_read_key(parts), _read_public(public)) for *parts, public in rows]

    def write(self, key: RecordKey, public: Mapping[str, Any]) -> None:
        self._database.run(
            f"INSERT INTO everyauth_records ({LISTED}, public) VALUES (%s, %s, %s, %s, %s, %s)"  # noqa: S608
            f" ON CONFLICT ({LISTED}) DO UPDATE SET public = EXCLUDED.public",
            [*(_text(getattr(key, part)) for part in COLUMNS), json.dumps(public)],
        )

    def add(self, key: RecordKey, public: Mapping[str, Any]) -> bool:
        added = self._database.run(
            f"INSERT INTO everyauth_records AS record ({LISTED}, public) VALUES (%s, %s, %s, %s, %s, %s)"  # noqa: S608
            f" ON CONFLICT ({LISTED}) DO UPDATE SET public = EXCLUDED.public WHERE record.public = EXCLUDED.public"
            " RETURNING public",
            [*(_text(getattr(key, part)) for part in COLUMNS), json.dumps(public)],
        )
        return bool(added)

    def delete(self, key: RecordKey) -> None:
        where, values = _where(key, list(COLUMNS))
        self._database.run(f"DELETE FROM everyauth_records {where}", values)  # noqa: S608

    def read_cell(self, name: str) -> bytes | None:
        rows = self._database.run("SELECT cell FROM everyauth_sealed WHERE name = %s", [name])
        return rows[0][0] if rows else None

    def write_cell(self, name: str, cell: bytes) -> None:
        self._database.run(
            "INSERT INTO everyauth_sealed VALUES (%s, %s) ON CONFLICT (name) DO UPDATE SET cell = EXCLUDED.cell",
            [name, cell],
        )

    def delete_cell(self, name: str) -> None:
        self._database.run("DELETE FROM everyauth_sealed WHERE name = %s", [name])

    def cell_names(self) -> list[str]:
        return [name for (name,) in self._database.run("SELECT name FROM everyauth_sealed ORDER BY name")]


def _where(key: RecordKey, parts: list[str]) -> tuple[str, list[str]]:
    """The WHERE clause for a key, over the parts named (all from COLUMNS, never from outside)."""
    terms = " AND ".join(f"{COLUMNS[part]} = %s" for part in parts)
    return f"WHERE {terms}", [_text(getattr(key, part)) for part in parts]


def _text(part: str) -> str:
    """A part of a key as PostgreSQL can hold it: its texts hold any character but the null one."""
    return part.replace("%", "%25").replace("\0", "%00")


def _read_key(parts: list[str]) -> RecordKey:
    values = (part.replace("%00", "\0").replace("%25", "%") for part in parts)
    return RecordKey(**dict(zip(COLUMNS, values, strict=True)))


def _read_public(text: str) -> dict[str, Any]:
    try:
        return parse_object(text)
    except (ValueError, TypeError) as error:
        raise StoreError(
            f"an entry of everyauth_records is damaged: {error}",
            hint="delete that row by hand; `everyauth login` writes it anew",
        ) from None
