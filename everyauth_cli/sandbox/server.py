"""The sandbox: a strict authorization server on loopback that stands in for every service of the catalogue."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from types import TracebackType
from typing import Self

from everyauth_cli.errors import EveryAuthError
from everyauth_cli.model import DEFAULT_PORT, Client, Secret, Service
from everyauth_cli.sandbox.authorization_server import AuthorizationServer, Clock
from everyauth_cli.sandbox.detection import GREETING, HOST, WELL_KNOWN
from everyauth_cli.sandbox.endpoints import Endpoints, SentResponse, Troubles, nothing_here
from everyauth_cli.sandbox.faults import CLOCK_AHEAD_SECONDS, Fault
from everyauth_cli.sandbox.grants import Lifetimes, Registration
from everyauth_cli.sandbox.http_server import Log, listen
from everyauth_cli.sandbox.requests import ReceivedRequest
from everyauth_cli.sandbox.responses import Speech
from everyauth_cli.services.at_sandbox import at_sandbox, endpoints, sandbox_params
from everyauth_cli.services.catalogue import Catalogue
from everyauth_cli.services.rules import ClientAuthMethod

POLL_SECONDS = 0.05
CLIENT_ID = "sandbox-client"
CLIENT_SECRET = "sandbox-secret"
CODE_LIFETIME = 600
REFRESH_TOKEN_LIFETIME = 30 * 24 * 60 * 60


def _now() -> int:
    return time.time_ns() // 1_000_000


def _silent(line: str) -> None:
    """Log nothing."""


@dataclass(eq=False)
class Sandbox:
    """An authorization server for each service of a catalogue, which speaks that service's dialect.

    A context manager that serves from a thread of its own; or call `serve_forever`. The port is bound at
    once, 0 being a free one; raises `PortInUse`. Lifetimes are in seconds, and as documented unless they are given;
    `clock` gives milliseconds since the epoch. Without a `client_secret` the client is a public one, and its redirect
    URI is the one that everyauth has for each service, unless there is a `redirect_uri`. `fault` may be set at any
    time.
    """

    catalogue: Catalogue = field(default_factory=Catalogue)
    _: KW_ONLY
    port: int = 0
    token_lifetime: int | None = None
    code_lifetime: int | None = None
    refresh_token_lifetime: int = REFRESH_TOKEN_LIFETIME
    client_id: str = CLIENT_ID
    client_secret: str | None = field(default=CLIENT_SECRET, repr=False)
    redirect_uri: str = ""
    fault: Fault | None = None
    slow_seconds: float = 10
    clock: Clock = _now
    log: Log = _silent

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._servers: dict[str, tuple[AuthorizationServer, Endpoints]] = {}
        self._listener = listen(self.port, answer=self._answer, log=self.log)
        self.port = self._listener.server_address[1]
        self._thread: threading.Thread | None = None

    @property
    def base_url(self) -> str:
        return f"http://{HOST}:{self.port}"

    def server(self, name: str) -> AuthorizationServer:
        """The authorization server of a service, made when it is first asked for; raises `ServiceNotFound`."""
        return self._served(name)[0]

    def override(self, name: str) -> Mapping[str, str]:
        """What a user's own catalogue file says of a service, for it to be this sandbox; raises `ServiceNotFound`."""
        return endpoints(self.catalogue.get(name), self.base_url)

    def serve_forever(self) -> None:
        """Serve from this thread until it is interrupted."""
        with self._listener:
            self._listener.serve_forever(POLL_SECONDS)

    def start(self) -> None:
        self._thread = threading.Thread(target=self.serve_forever, name="sandbox", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        if self._thread:
            self._listener.shutdown()
            self._thread.join()
        self._listener.server_close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _answer(self, request: ReceivedRequest) -> SentResponse:
        if (request.method, request.path) == ("GET", WELL_KNOWN):
            return SentResponse(
                status=200, headers={"content-type": "application/json"}, body=json.dumps(GREETING).encode()
            )
        try:
            served = self._served(request.path.split("/")[1])
        except EveryAuthError:
            return nothing_here()
        return served[1].answer(request)

    def _served(self, name: str) -> tuple[AuthorizationServer, Endpoints]:
        with self._lock:
            if name not in self._servers:
                self._servers[name] = self._made(self.catalogue.get(name))
            return self._servers[name]

    def _made(self, service: Service) -> tuple[AuthorizationServer, Endpoints]:
        here = at_sandbox(service, "")
        speech = Speech(here)
        client = Registration(
            client_id=self.client_id,
            client_secret=None if service.token_endpoint_auth_method == ClientAuthMethod.NONE else self.client_secret,
            redirect_uris=self._redirect_uris(service),
            any_port=service.any_port,
        )
        server = AuthorizationServer(speech, client, clock=self._now, lives=self._lives(speech))
        ours = Client(
            service=service.name,
            client_id=self.client_id,
            client_secret=Secret(self.client_secret or ""),
            params=sandbox_params(service),
        )
        return server, Endpoints(server, here, ours, troubles=self._troubles)

    def _troubles(self) -> Troubles:
        return Troubles(fault=self.fault, slow_seconds=self.slow_seconds)

    def _redirect_uris(self, service: Service) -> tuple[str, ...]:
        if self.redirect_uri:
            return (self.redirect_uri,)
        ours = f"{service.loopback_host}:{DEFAULT_PORT}/callback/{service.name}"
        # A login at the sandbox listens all the same; a client of one's own pastes.
        return (f"http://{ours}", f"https://{ours}") if service.https_redirect else (f"http://{ours}",)

    def _lives(self, speech: Speech) -> Lifetimes:
        documented = speech.dialect.tokens.life
        return Lifetimes(
            # What the service never lets expire has no life to be shortened.
            access_token=documented if documented is None else self.token_lifetime or documented,
            code=self.code_lifetime or speech.service.code_lifetime or CODE_LIFETIME,
            refresh_token=self.refresh_token_lifetime,
        )

    def _now(self) -> int:
        return self.clock() + (CLOCK_AHEAD_SECONDS * 1000 if self.fault is Fault.CLOCK else 0)
