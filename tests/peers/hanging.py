"""A token endpoint that hangs while tasks ask for what it has to issue."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

from peers.token_server import ENTRY, HOUR, World

from everyauth_cli import EveryAuth
from everyauth_cli.flows.refresh import Patience
from everyauth_cli.model import Request, Response, Secret

HANGING = 40


class HostGate:
    """Holds requests to one host back until it is opened, and counts them."""

    def __init__(self, server: Callable[[Request], Response], host: str) -> None:
        self.server, self.host = server, host
        self.opened = threading.Event()
        self.requests: list[Request] = []

    @property
    def count(self) -> int:
        return len(self.requests)

    def __call__(self, request: Request) -> Response:
        if self.host in request.url:
            self.requests.append(request)
            assert self.opened.wait(60)
        return self.server(request)


def hanging_service(world: World, *, patience: Patience = Patience(seconds=50)) -> tuple[EveryAuth, HostGate]:  # noqa: B008 - frozen
    """Return an EveryAuth with 40 stale identities at a service that hangs, a fresh one there and one elsewhere."""
    world.entry("good", ENTRY.replace("issuer.example", "good.example"))
    world.auth.clients.set(world.auth.catalogue.get("good"), client_id="id", client_secret=Secret("s"))
    for number in range(HANGING):
        world.login(user=f"user-{number}")
    world.clock.now += HOUR
    world.server.claims.clear()
    world.login(service="good", tags={"plan": "gold"})
    world.server.claims.clear()
    world.login(user="fresh", tags={"plan": "gold"})
    gate = HostGate(world.server, "issuer.example")
    auth = EveryAuth(store=world.store, catalogue=world.auth.catalogue, send=gate, clock=world.clock, patience=patience)
    return auth, gate


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what other threads make true."""
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - other threads make it true
            await asyncio.sleep(0.01)
