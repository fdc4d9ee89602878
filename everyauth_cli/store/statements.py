"""The columns of the table of records and the statement that reads one; imports nothing, because `cli/fast` uses it."""

from __future__ import annotations

SCHEMA_VERSION = 2
WITHOUT_VERSION = 1
"""The schema in which metadata was not bound to the secret: an upgrade would seal what was never verified."""

KEY = ("profile", "kind", "service", "tenant", "username")
"""The columns of a key, in the order of `RecordKey`, which so is the values of a statement."""

STORED = ("metadata", "sealed", "version", "key_id", "identity_id", "tags", "due_at", "unreported_since")
HERE = " AND ".join(f"{column} = ?" for column in KEY)
READ = f"SELECT {', '.join(STORED)} FROM everyauth_records WHERE {HERE}"
