"""Hand out a current token for one identity: the stored one while it is fresh, else a new one, refreshed once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from everyauth_cli.errors import (
    ClientRejected,
    EveryAuthError,
    LoginRequired,
    ServiceError,
    ServiceUnreachable,
    StoreBusy,
)
from everyauth_cli.event_log import Record, ignore
from everyauth_cli.flows.clients import Clients
from everyauth_cli.flows.freshness import is_fresh, lives_for
from everyauth_cli.flows.hints import bound_token
from everyauth_cli.flows.requirement import CURRENT, Requirement, check_lifetime
from everyauth_cli.flows.single_flight import Flight, SingleFlight, release_signals
from everyauth_cli.flows.waits import LOCK_SECONDS, waits
from everyauth_cli.model import RecordKey, Request, Response
from everyauth_cli.oauth.presented import Presented, nothing_presented
from everyauth_cli.store.credential import Credential
from everyauth_cli.store.identities import DPOP, StoredIdentity, damaged, record_of, stored_identity
from everyauth_cli.store.records import Record as StoredRecord
from everyauth_cli.store.records import Store
from everyauth_cli.urls import is_url

if TYPE_CHECKING:
    from everyauth_cli.flows.refresh_run import Refreshed

MOST_RUNS = 3
"""Runs that a caller joins at most: one that others began may have found their requirement met, and not this one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """The patience of a caller with a run: `seconds` at most (None: to its end), with a notice after `notice_after`.

    The run itself goes on, whoever waits for it.
    """

    seconds: float | None = 20.0
    notice_after: float | None = None
    notice: Callable[[str], None] = lambda _: None


PATIENT = Patience()
"""The default, for an application."""

FLIGHTS: SingleFlight[Refreshed | None] = SingleFlight()
"""The refreshes under way in this process, of every `EveryAuth` in it: one for each identity."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refresher:
    """Hands out credentials, and has their access tokens refreshed (RFC 6749 section 6).

    `clock` gives milliseconds since the epoch. `warn` receives a message when an old token is handed out because a
    new one could not be had. `presented` gets what a grant that is run again presents.
    """

    store: Store
    clients: Clients
    send: Callable[[Request], Response]
    clock: Callable[[], int]
    warn: Callable[[str], None]
    record: Record = ignore
    patience: Patience = PATIENT
    presented: Presented = nothing_presented

    def current(self, key: RecordKey, requirement: Requirement = CURRENT) -> Credential | None:
        """Return a credential that meets the requirement; None when the identity does not exist.

        Raises `LoginRequired`, `ServiceError`, `StoreError`, `BoundToken`, and `UsageProblem` for a client that is not
        set or not accepted.
        """
        found = self._read(key, requirement)
        if not isinstance(found, StoredIdentity):
            return found
        current = self.renewed(key, found, requirement)
        if current is None:
            return None
        # Another process may have stored a login meanwhile.
        return Credential(key, _presentable(key, record_of(current), requirement))

    def renewed(self, key: RecordKey, stored: StoredIdentity, requirement: Requirement) -> StoredIdentity | None:
        """Return an identity, whose token does not meet the requirement as it was read, with one that does.

        None when it was deleted meanwhile; raises what `current` raises.
        """
        try:
            return self._refreshed(key, stored, requirement)
        except (ServiceError, ClientRejected, StoreBusy) as error:
            return self._old_token(stored, requirement, error)

    def _read(self, key: RecordKey, requirement: Requirement) -> Credential | StoredIdentity | None:
        """Read the credential if it meets the requirement, else the stored identity that a new one is got with."""
        record = self.store.get(key)
        if record is None:
            return None
        _presentable(key, record, requirement)
        try:
            if self._meets(record.secret.reveal(), requirement):
                return Credential(key, record)
            return stored_identity(self.store, key, record)
        except (LookupError, TypeError, ValueError) as error:
            raise damaged(self.store, key, error) from None

    def _meets(self, secret: Mapping[str, Any], requirement: Requirement) -> bool:
        if requirement is not CURRENT and requirement.excludes(secret["access_token"]):
            return False
        fresh = is_fresh(
            secret["issued_at"],
            secret["expires_at"],
            secret["refresh_at"],
            now=self.clock(),
            min_ttl=requirement.min_ttl,
        )
        return fresh and not secret["login_required"]

    def _refreshed(self, key: RecordKey, stored: StoredIdentity, requirement: Requirement) -> StoredIdentity | None:
        is_usable = self._is_usable(stored, requirement)
        lock_seconds = self._lock_seconds(stored) if is_usable else LOCK_SECONDS
        for left in reversed(range(MOST_RUNS)):
            flight = self._flight(key, requirement, lock_seconds=lock_seconds)
            try:
                found = self._outcome(key, flight, is_usable=is_usable)
            except StoreBusy:
                if is_usable or not left:
                    raise
                # It was begun for a caller with a token to hand out, who waited for the lock less long.
                continue
            if found is None:
                return None
            if found.is_new:
                return check_lifetime(found.stored, requirement)
            if self._meets(record_of(found.stored).secret.reveal(), requirement):
                return found.stored
        raise ServiceUnreachable(f"{key.service} issued no token that meets what is required of it", lost=True)

    def _lock_seconds(self, stored: StoredIdentity) -> float:
        """Return the seconds to wait for the run of another process: no more than for one in this process."""
        since = stored.refreshing_since
        waited = 0.0 if since is None else max(0.0, (self.clock() - since) / 1000)
        return max(0.0, LOCK_SECONDS - waited)

    def _flight(self, key: RecordKey, requirement: Requirement, *, lock_seconds: float) -> Flight[Refreshed | None]:
        seconds = self.patience.seconds
        run = partial(self._run, key, requirement, lock_seconds=lock_seconds)
        flight = waits().join(FLIGHTS, (self._place, key), run, seconds=seconds)
        if flight is None:
            raise ServiceUnreachable(
                f"{key.service} leaves so many refreshes unanswered that another one was not begun for {seconds:g} s"
            )
        return flight

    def _run(self, key: RecordKey, requirement: Requirement, *, lock_seconds: float) -> Refreshed | None:
        # A fresh token is handed out without this module and the protocol's.
        from everyauth_cli.flows.refresh_run import RefreshRun

        run = RefreshRun(
            store=self.store,
            clients=self.clients,
            send=self.send,
            clock=self.clock,
            warn=self.warn,
            record=self.record,
            presented=self.presented,
            lock_seconds=lock_seconds,
        )
        return run(key, requirement)

    @property
    def _place(self) -> tuple[str, str, int]:
        """The store, by what makes it the same one for another `EveryAuth` of this process."""
        in_memory = self.store.url == "memory:"
        return self.store.url, self.store.namespace, id(self.store) if in_memory else 0

    def _outcome(self, key: RecordKey, flight: Flight[Refreshed | None], *, is_usable: bool) -> Refreshed | None:
        """Wait for a run as long as the caller has patience, and return what it found or raise what it raised."""
        try:
            if not self._waited(key, flight, is_usable=is_usable):
                raise ServiceUnreachable(
                    f"{key.service} has not answered a refresh for {self.patience.seconds:g} s; it goes on", lost=True
                )
        finally:
            release_signals()
        return flight.result()

    def _waited(self, key: RecordKey, flight: Flight[Refreshed | None], *, is_usable: bool) -> bool:
        patience = self.patience
        if is_usable and patience.seconds is not None:
            # Others have waited already, and there is a token to hand out: an endpoint that hangs holds up the first.
            return waits().wait(flight, max(0.0, patience.seconds - flight.age))
        if patience.notice_after is not None and not waits().wait(flight, patience.notice_after):
            patience.notice(f"Still waiting for {key.service} to refresh the token; what it sends will be stored ...")
        return waits().wait(flight, patience.seconds)

    def _old_token(self, stored: StoredIdentity, requirement: Requirement, error: EveryAuthError) -> StoredIdentity:
        """Return the token that is stored while it lives and meets the requirement, with a warning; else raise."""
        if not self._is_usable(stored, requirement):
            if isinstance(error, ClientRejected) and self._is_registered_by_server(stored):
                raise LoginRequired(error.message, hint=error.hint)
            raise ServiceError(error.message, hint=error.hint) if isinstance(error, StoreBusy) else error
        self.warn(f"{error.message}; using the present token, which has not expired")
        return stored

    def _is_registered_by_server(self, stored: StoredIdentity) -> bool:
        """Whether the server registered the client by itself (RFC 7591), as a login would have it do again."""
        name = stored.identity.service
        return is_url(name) and self.clients.catalogue.get(name).client_of is None

    def _is_usable(self, stored: StoredIdentity, requirement: Requirement) -> bool:
        """Whether the stored token would do while no other can be had."""
        token = stored.token
        if stored.identity.login_required or requirement.excludes(token.access_token.reveal()):
            return False
        return lives_for(token.expires_at, now=self.clock(), min_ttl=requirement.min_ttl)


def _presentable(key: RecordKey, record: StoredRecord, requirement: Requirement) -> StoredRecord:
    """Return the record of an identity whose token the caller can present. Raises `BoundToken`."""
    if DPOP in record.secret.reveal() and not requirement.signs:
        raise bound_token(key)
    return record
