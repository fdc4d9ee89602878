"""Gathers what `everyauth status` shows: the store, the profiles, identities, clients, alerts and the last failure."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from everyauth_cli.cli.identity_state import needs_login
from everyauth_cli.cli.session import Session
from everyauth_cli.errors import ConfigurationProblem, ServiceNotFound
from everyauth_cli.event_log import Event, EventLog
from everyauth_cli.flows.alerts import pending
from everyauth_cli.flows.freshness import now_ms
from everyauth_cli.flows.identity_json import as_json
from everyauth_cli.model import Identity
from everyauth_cli.services.catalogue import Catalogue
from everyauth_cli.store.clients import list_clients
from everyauth_cli.store.profiles import list_profiles

LATEST = 50
"""Events of each service that are looked through for the last failure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """The state of one profile; `unused` are the services with a client and no identity, `now` is in milliseconds."""

    store: str
    secrets: str
    profile: str
    other_profiles: Sequence[str]
    identities: Sequence[Identity]
    unused: Sequence[str]
    pending_alerts: int
    last_failure: Event | None
    now: int

    @property
    def login_needed(self) -> bool:
        return any(needs_login(identity, now=self.now) for identity in self.identities)

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON; times are milliseconds since the epoch."""
        failure = self.last_failure
        return {
            "store": self.store,
            "secrets": self.secrets,
            "profile": self.profile,
            "otherProfiles": list(self.other_profiles),
            "identities": [
                {**as_json(identity), "needsLogin": needs_login(identity, now=self.now)} for identity in self.identities
            ],
            "servicesWithoutLogin": list(self.unused),
            "pendingAlerts": self.pending_alerts,
            "lastFailure": {
                "time": failure.time,
                "serviceId": failure.service,
                "userId": failure.user,
                "tenantId": failure.tenant,
                "action": failure.action,
                "error": failure.error,
                "message": failure.message,
            }
            if failure
            else None,
        }


def read_overview(session: Session) -> Overview:
    """Return the overview of the session's profile; it reads no secret. Raises `StoreError`."""
    auth, settings = session.auth, session.settings
    identities = auth.find()
    logged_in = {identity.service for identity in identities}
    served = {_registered_at(auth.catalogue, name) for name in logged_in}
    clients = [client.service for client in list_clients(auth.store, settings.profile)]
    return Overview(
        store=auth.store.url,
        secrets=auth.store.describe(),
        profile=settings.profile,
        other_profiles=[name for name in list_profiles(auth.store) if name != settings.profile],
        identities=identities,
        unused=[name for name in clients if name not in served],
        pending_alerts=len(pending(auth.store, settings.profile)),
        last_failure=_last_failure(EventLog(settings.log_dir), settings.profile, sorted(logged_in | {*clients})),
        now=now_ms(),
    )


def _registered_at(catalogue: Catalogue, name: str) -> str:
    """Return the service whose client serves the identities of a service or preset."""
    try:
        return catalogue.get(name).registered_at.name
    except (ServiceNotFound, ConfigurationProblem):
        return name


def _last_failure(log: EventLog, profile: str, services: Sequence[str]) -> Event | None:
    """Return the newest failure that no later success of the same action follows."""
    failed: list[Event] = []
    for service in services:
        last: dict[tuple[str, str, str], Event] = {}
        # A log that cannot be read is no reason to show nothing else.
        with contextlib.suppress(OSError):
            last = {
                (event.user, event.tenant, event.action): event for event in log.last(service, LATEST, profile=profile)
            }
        failed += [event for event in last.values() if event.outcome == "failed"]
    return max(failed, key=lambda event: event.time, default=None)
