"""A store is an index of public halves, which can be listed, and a vault of secret halves, which cannot."""

from __future__ import annotations

from everyauth_cli.store.memory import memory_store
from everyauth_cli.store.records import Index, Locks, Record, Store, Vault, VersionConflict

__all__ = ["Index", "Locks", "Record", "Store", "Vault", "VersionConflict", "memory_store"]
