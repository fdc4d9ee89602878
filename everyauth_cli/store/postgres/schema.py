"""The tables of a PostgreSQL store, and the check that they are ours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from everyauth_cli.errors import StoreError, StoreUnavailable
from everyauth_cli.store.statements import SCHEMA_VERSION, WITHOUT_VERSION

VERSION = "SELECT version FROM everyauth_schema"
TABLES = ("everyauth_schema", "everyauth_records", "everyauth_tags", "everyauth_sealing_key", "everyauth_claims")
# The owner of a table can have code of theirs run by whoever writes to it (a trigger). Superusers and the database's
# owner need no such way; a superuser counts as a member of every role, and is asked for real membership only.
OWNERS = """
SELECT class.relname, owner.rolname FROM pg_class class
JOIN pg_roles owner ON owner.oid = class.relowner JOIN pg_roles me ON me.rolname = current_user
WHERE class.oid IN (to_regclass('everyauth_schema'), to_regclass('everyauth_records'), to_regclass('everyauth_tags'),
    to_regclass('everyauth_sealing_key'), to_regclass('everyauth_claims'))
AND NOT (owner.oid = me.oid OR owner.rolsuper
    OR owner.oid = (SELECT datdba FROM pg_database WHERE datname = current_database())
    OR (NOT me.rolsuper AND pg_has_role(me.oid, owner.oid, 'MEMBER')))
"""

_KEY = "kind, profile, service, tenant, username"
_KEY_COLUMNS = ", ".join(f'{column} TEXT COLLATE "C" NOT NULL' for column in _KEY.split(", "))
# The number is ours ("everyau"): two that start at once make the tables one after the other.
SCHEMA = f"""
SELECT pg_advisory_xact_lock(28559150732108149);
CREATE TABLE IF NOT EXISTS everyauth_records (
    {_KEY_COLUMNS}, version TEXT NOT NULL, key_id BYTEA, identity_id TEXT, tags TEXT, due_at BIGINT,
    unreported_since BIGINT, metadata TEXT NOT NULL, sealed BYTEA, PRIMARY KEY ({_KEY})
);
CREATE INDEX IF NOT EXISTS everyauth_by_user ON everyauth_records (kind, username, profile, service, tenant);
CREATE INDEX IF NOT EXISTS everyauth_by_id ON everyauth_records (identity_id) WHERE identity_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS everyauth_due ON everyauth_records (profile, service, due_at, kind, tenant, username)
    WHERE due_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS everyauth_unreported ON everyauth_records (profile, unreported_since)
    WHERE unreported_since IS NOT NULL;
CREATE TABLE IF NOT EXISTS everyauth_sealing_key (
    one INTEGER PRIMARY KEY CHECK (one = 1), key_id BYTEA NOT NULL
);
CREATE TABLE IF NOT EXISTS everyauth_tags (tag TEXT COLLATE "C" NOT NULL, {_KEY_COLUMNS}, PRIMARY KEY (tag, {_KEY}));
CREATE TABLE IF NOT EXISTS everyauth_claims (
    name TEXT COLLATE "C" PRIMARY KEY, owner TEXT NOT NULL, deadline TIMESTAMPTZ NOT NULL
);
CREATE OR REPLACE FUNCTION everyauth_index_tags() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        DELETE FROM everyauth_tags o WHERE o.tag IN (SELECT json_array_elements_text(OLD.tags::json))
            AND o.kind = OLD.kind AND o.profile = OLD.profile AND o.service = OLD.service
            AND o.tenant = OLD.tenant AND o.username = OLD.username;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO everyauth_tags SELECT tag, NEW.kind, NEW.profile, NEW.service, NEW.tenant, NEW.username
            FROM json_array_elements_text(NEW.tags::json) tag ON CONFLICT DO NOTHING;
    END IF;
    RETURN NULL;
END $$;
DROP TRIGGER IF EXISTS everyauth_tags_of_changed ON everyauth_records;
CREATE TRIGGER everyauth_tags_of_changed AFTER UPDATE ON everyauth_records
    FOR EACH ROW WHEN (NEW.tags IS DISTINCT FROM OLD.tags) EXECUTE FUNCTION everyauth_index_tags();
DROP TRIGGER IF EXISTS everyauth_tags_of_new ON everyauth_records;
CREATE TRIGGER everyauth_tags_of_new AFTER INSERT ON everyauth_records
    FOR EACH ROW WHEN (NEW.tags IS NOT NULL) EXECUTE FUNCTION everyauth_index_tags();
DROP TRIGGER IF EXISTS everyauth_tags_of_deleted ON everyauth_records;
CREATE TRIGGER everyauth_tags_of_deleted AFTER DELETE ON everyauth_records
    FOR EACH ROW WHEN (OLD.tags IS NOT NULL) EXECUTE FUNCTION everyauth_index_tags();
CREATE TABLE IF NOT EXISTS everyauth_schema (version INTEGER NOT NULL);
INSERT INTO everyauth_schema SELECT {SCHEMA_VERSION} WHERE NOT EXISTS (SELECT FROM everyauth_schema);
"""


def check_version(shown: str, found: Sequence[tuple[Any, ...]]) -> None:
    """Raise `StoreError` for a database of another version, which is left alone."""
    if found == [(SCHEMA_VERSION,)]:
        return
    if found == [(WITHOUT_VERSION,)]:
        raise StoreError(
            f"{shown} was written by an earlier everyauth, whose records this one does not take over",
            hint="drop its tables everyauth_*, then set each client and log in again",
        )
    raise StoreError(
        f"{shown} was written by another version of everyauth (schema {found})",
        hint="use that version, or choose another database: everyauth store use URL",
    )


def check_owners(shown: str, foreign: Sequence[tuple[Any, ...]]) -> None:
    """Raise `StoreUnavailable` for tables of a role that could have code of its own run by ours."""
    if foreign:
        table, owner = foreign[0]
        raise StoreUnavailable(
            f"the table {table} in {shown} belongs to the role {owner}, who could change what is written to it",
            hint="let our own role make the tables, in a schema where no other may, or have their owner changed to it",
        )
