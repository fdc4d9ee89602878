"""Puts the flows together over one store, catalogue, HTTP sender and clock."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from everyauth_cli.event_log import Record
from everyauth_cli.flows.clients import Clients, Override
from everyauth_cli.flows.identities import Identities
from everyauth_cli.flows.refresh import Patience, Refresher
from everyauth_cli.model import Client, Request, Response, Secret, Service
from everyauth_cli.oauth.grant import RepeatedGrant
from everyauth_cli.services.catalogue import Catalogue
from everyauth_cli.store.records import Store

if TYPE_CHECKING:
    from everyauth_cli.flows.device_login import DeviceLogin
    from everyauth_cli.flows.granted import Grant
    from everyauth_cli.flows.grants import Grants
    from everyauth_cli.flows.health import HealthCheck
    from everyauth_cli.flows.login import LoginFlow
    from everyauth_cli.flows.revoke import Revoker
    from everyauth_cli.flows.servers import Servers


@dataclass(frozen=True, kw_only=True)
class Flows:
    """The flows of one profile, each made at its first use; `EveryAuth` documents the parts that it is given.

    What a fresh token does not need is imported late, because start-up is paid at every call.
    """

    store: Store
    catalogue: Catalogue
    profile: str
    send: Callable[[Request], Response]
    clock: Callable[[], int]
    override: Override
    warn: Callable[[str], None]
    record: Record
    shield: Callable[[], AbstractContextManager[None]]
    patience: Patience

    @cached_property
    def clients(self) -> Clients:
        return Clients(self.store, self.catalogue, profile=self.profile, override=self.override)

    @cached_property
    def identities(self) -> Identities:
        return Identities(
            store=self.store, catalogue=self.clients.catalogue, profile=self.profile, refresher=self.refresher
        )

    @cached_property
    def refresher(self) -> Refresher:
        return Refresher(
            store=self.store,
            clients=self.clients,
            send=self.send,
            clock=self.clock,
            warn=self.warn,
            record=self.record,
            patience=self.patience,
            presented=self._presented,
        )

    def _presented(self, service: Service, client: Client, grant: RepeatedGrant) -> Secret[str] | None:
        """Get what a grant presents in its request, when it is run for the first time or again."""
        return self.grants.presented(service, client, grant)

    @property
    def login(self) -> LoginFlow:
        return self.grants.login

    @cached_property
    def grants(self) -> Grants:
        from everyauth_cli.flows import grants, login

        flow = login.LoginFlow(
            profile=self.profile,
            store=self.store,
            clients=self.clients,
            send=self.send,
            clock=self.clock,
            warn=self.warn,
            record=self.record,
        )
        return grants.Grants.of(flow, self.identities)

    @property
    def device(self) -> DeviceLogin:
        return self.grants.device

    @cached_property
    def servers(self) -> Servers:
        from everyauth_cli.flows.servers import Servers

        return Servers(profile=self.profile, store=self.store, clients=self.clients, send=self.send, clock=self.clock)

    @cached_property
    def revoker(self) -> Revoker:
        from everyauth_cli.flows.revoke import Revoker

        return Revoker(
            store=self.store,
            catalogue=self.clients.catalogue,
            clients=self.clients,
            send=self.send,
            clock=self.clock,
            record=self.record,
            shield=self.shield,
        )

    @cached_property
    def health(self) -> HealthCheck:
        from everyauth_cli.flows.health import HealthCheck

        return HealthCheck(
            profile=self.profile,
            store=self.store,
            clients=self.clients,
            refresher=self.refresher,
            send=self.send,
            clock=self.clock,
            record=self.record,
        )

    def discard(self, grant: Grant) -> None:
        """Revoke the tokens of a grant that is not kept, where the service can and nothing stored would end too."""
        self.revoker.discard(*self.login.discarded(grant))


class HasFlows(Protocol):
    """An `EveryAuth`, as far as its methods in other modules use it."""

    _flows: Flows
