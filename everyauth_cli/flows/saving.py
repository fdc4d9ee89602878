"""Saves what a refresh brought: in the store, however often it has to be tried, else in a file beside it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from everyauth_cli.errors import EveryAuthError, StoreError
from everyauth_cli.flows.hints import deleted_meanwhile
from everyauth_cli.model import RecordKey, Secret
from everyauth_cli.store.identities import (
    StoredIdentity,
    read_identity,
    save_identity,
)
from everyauth_cli.store.records import Store, VersionConflict
from everyauth_cli.store.spooled_identity import spool_identity, spooled_identity

STORE_SECONDS = 90.0
"""The time for a store that cannot take the response."""
PAUSES = (0.2, 1.0, 3.0)
"""Seconds between attempts; the last is repeated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Saver:
    """Saves an identity over the version that was read, or over a mere mark, but over no newer token.

    `spent` is what the refresh spent, as `spent_by` says: while it is still stored, the new tokens are newer.
    """

    store: Store
    key: RecordKey
    spent: Secret[str]
    warn: Callable[[str], None]
    seconds: float = STORE_SECONDS

    def save(self, fresh: StoredIdentity) -> StoredIdentity:
        """Save, and return what is stored then: a newer token that another process stored meanwhile, or this one.

        Raises `LoginRequired` for an identity that was deleted meanwhile, and `StoreError`.
        """
        end, pauses = time.monotonic() + self.seconds, iter(PAUSES)
        pause = next(pauses)
        while True:
            try:
                return self._save_or_adopt(fresh)
            except StoreError as error:
                if time.monotonic() + pause > end:
                    return self._set_aside(fresh, error)
            time.sleep(pause)
            pause = next(pauses, pause)

    def _save_or_adopt(self, fresh: StoredIdentity) -> StoredIdentity:
        try:
            return save_identity(self.store, self.key, fresh)
        except VersionConflict:
            newer = read_identity(self.store, self.key)
        if newer is None:
            raise deleted_meanwhile(self.key, fresh.identity.repeated)
        if spent_by(newer) != self.spent:
            return newer
        # Raises `VersionConflict` when it is to be tried over yet another version.
        return save_identity(self.store, self.key, replace(fresh, version=newer.version))

    def _set_aside(self, fresh: StoredIdentity, error: StoreError) -> StoredIdentity:
        if self.store.spool is None:
            raise error
        try:
            path = spool_identity(self.store, self.store.spool, self.key, fresh, spent=self.spent)
        except EveryAuthError:
            raise error from None
        self.warn(f"{error.message}; the new token is kept in {path}, sealed, and the next call here stores it")
        return fresh


def spent_by(stored: StoredIdentity) -> Secret[str]:
    """Return the token that a refresh of an identity spends.

    It is the refresh token; where the grant is run again, or there is no refresh token, the access token that is
    replaced.
    """
    refresh_token = None if stored.identity.repeated else stored.token.refresh_token
    return refresh_token or stored.token.access_token


def write_back(store: Store, key: RecordKey, stored: StoredIdentity) -> StoredIdentity:
    """Store what the store could not take when it came, unless it has a newer token; call it under the lock."""
    spooled = spooled_identity(store, store.spool, key) if store.spool else None
    if store.spool is None or spooled is None:
        return stored
    fresh, spent = spooled
    if spent_by(stored) == spent:
        stored = save_identity(store, key, replace(fresh, version=stored.version))
    store.spool.remove(store.name(key))
    return stored
