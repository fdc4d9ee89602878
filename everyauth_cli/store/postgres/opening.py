"""Puts the parts of a PostgreSQL store together."""

from __future__ import annotations

from collections.abc import Callable

from everyauth_cli.model import Secret
from everyauth_cli.store.postgres.claims import Claims
from everyauth_cli.store.postgres.database import PostgresDatabase, decoded, encoded
from everyauth_cli.store.table import RecordTable


def open_table(url: Secret[str], *, shown: str, warn: Callable[[str], None]) -> tuple[RecordTable, Claims]:
    """Return the table of records in the database of a URL, and its locks; `shown` is the URL without its password."""
    database = PostgresDatabase(url, shown=shown, warn=warn)
    return RecordTable(database, encode=encoded, decode=decoded), Claims(database)
