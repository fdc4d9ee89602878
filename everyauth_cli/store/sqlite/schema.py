"""The tables of a SQLite store."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from everyauth_cli.errors import StoreError
from everyauth_cli.store.statements import SCHEMA_VERSION, WITHOUT_VERSION

_KEY = "kind, profile, service, tenant, username"
_UNTAG = """DELETE FROM everyauth_tags WHERE tag IN (SELECT value FROM json_each(old.tags)) AND kind = old.kind
    AND profile = old.profile AND service = old.service AND tenant = old.tenant AND username = old.username"""
_TAG = """INSERT OR IGNORE INTO everyauth_tags
    SELECT value, new.kind, new.profile, new.service, new.tenant, new.username FROM json_each(new.tags)"""
# The secret comes last, so that a list need not read past it.
SCHEMA = f"""
CREATE TABLE IF NOT EXISTS everyauth_records (
    kind TEXT NOT NULL, profile TEXT NOT NULL, service TEXT NOT NULL, tenant TEXT NOT NULL, username TEXT NOT NULL,
    version TEXT NOT NULL, key_id BLOB, identity_id TEXT, tags TEXT, due_at INTEGER, unreported_since INTEGER,
    metadata TEXT NOT NULL, sealed BLOB, PRIMARY KEY ({_KEY})
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS everyauth_by_user ON everyauth_records (kind, username, profile, service, tenant);
CREATE INDEX IF NOT EXISTS everyauth_by_id ON everyauth_records (identity_id) WHERE identity_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS everyauth_due ON everyauth_records (profile, service, due_at, kind, tenant, username)
    WHERE due_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS everyauth_unreported ON everyauth_records (profile, unreported_since)
    WHERE unreported_since IS NOT NULL;
CREATE TABLE IF NOT EXISTS everyauth_sealing_key (one INTEGER PRIMARY KEY CHECK (one = 1), key_id BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS everyauth_tags (
    tag TEXT NOT NULL, kind TEXT NOT NULL, profile TEXT NOT NULL, service TEXT NOT NULL, tenant TEXT NOT NULL,
    username TEXT NOT NULL, PRIMARY KEY (tag, {_KEY})
) WITHOUT ROWID;
CREATE TRIGGER IF NOT EXISTS everyauth_tags_of_new AFTER INSERT ON everyauth_records
    WHEN new.tags IS NOT NULL BEGIN {_TAG}; END;
CREATE TRIGGER IF NOT EXISTS everyauth_tags_of_changed AFTER UPDATE OF tags ON everyauth_records
    WHEN new.tags IS NOT old.tags BEGIN {_UNTAG}; {_TAG}; END;
CREATE TRIGGER IF NOT EXISTS everyauth_tags_of_deleted AFTER DELETE ON everyauth_records
    WHEN old.tags IS NOT NULL BEGIN {_UNTAG}; END;
"""


def make_schema(connection: sqlite3.Connection) -> None:
    connection.executescript(f"BEGIN IMMEDIATE; {SCHEMA} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;")


def check_schema(path: Path, version: int) -> None:
    """Raise `StoreError` for a file of another version, which is left alone."""
    if version == SCHEMA_VERSION:
        return
    if version == WITHOUT_VERSION:
        raise StoreError(
            f"{path} was written by an earlier everyauth, whose records this one does not take over",
            hint="move that file away, then set each client and log in again",
        )
    raise StoreError(
        f"{path} was written by another version of everyauth (schema {version})",
        hint="use that version, or choose another file: everyauth store use sqlite:///PATH",
    )
