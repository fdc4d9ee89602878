"""The sandbox: a strict authorization server on loopback that stands in for every service of the catalogue."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from types import TracebackType
from typing import NamedTuple, Self

from everyauth_cli.errors import EveryAuthError
from everyauth_cli.model import DEFAULT_PORT, Client, Secret, Service
from everyauth_cli.sandbox.authorization_server import AuthorizationServer, Clock
from everyauth_cli.sandbox.client_key import CLIENT_KEY, PUBLIC_KEY
from everyauth_cli.sandbox.detection import GREETING, HOST, WELL_KNOWN, proof
from everyauth_cli.sandbox.endpoints import Endpoints, FaultSettings
from everyauth_cli.sandbox.faults import CLOCK_AHEAD_SECONDS, Fault
from everyauth_cli.sandbox.grants import Lifetimes, Registration
from everyauth_cli.sandbox.http_server import Log, listen
from everyauth_cli.sandbox.requests import ReceivedRequest
from everyauth_cli.sandbox.responses import Responses
from everyauth_cli.sandbox.sent_response import SentResponse, not_found
from everyauth_cli.services.at_sandbox import at_sandbox, endpoints, preset_endpoints, sandbox_params
from everyauth_cli.services.catalogue import Catalogue
from everyauth_cli.services.rules import ClientAuthMethod

POLL_SECONDS = 0.05
CLIENT_ID = "sandbox-client"
CLIENT_SECRET = "sandbox-secret-not-a-real-secret"
"""Of 32 octets, which is the least that HS256 signs id tokens with (RFC 7518 section 3.2)."""
UNREACHABLE = "https://sandbox.invalid"
"""The base URL of a sandbox without a port (RFC 6761 section 6.4: no host ever has that name)."""
CODE_LIFETIME = 600
REFRESH_TOKEN_LIFETIME = 30 * 24 * 60 * 60
DEVICE_CODE_LIFETIME, DEVICE_INTERVAL = 900, 5


def _now() -> int:
    return time.time_ns() // 1_000_000


def _ignore(line: str) -> None:
    """Log nothing."""


class _SandboxedService(NamedTuple):
    server: AuthorizationServer
    endpoints: Endpoints


@dataclass(eq=False)
class Sandbox:
    """An authorization server for each service of a catalogue, in that service's dialect.

    As a context manager it serves from a thread of its own; `serve_forever` serves from the caller's. The port is
    bound at once, 0 being a free one; raises `PortInUse`. Without a port it only answers `respond`. Lifetimes are in
    seconds, by default the documented ones; `clock` gives milliseconds since the epoch. Without a `client_secret` the
    client is a public one. Its redirect URI is the one that everyauth uses for each service, unless `redirect_uri`, and
    maybe `more_redirect_uris`, are given; with `any_loopback` each http URI on loopback is one too. `fault` may be set
    at any time. By the `token` a login of the same user knows this sandbox, where the system does not show whose a
    socket is.
    """

    catalogue: Catalogue = field(default_factory=Catalogue)
    _: KW_ONLY
    port: int | None = 0
    token_lifetime: int | None = None
    code_lifetime: int | None = None
    refresh_token_lifetime: int | None = None
    device_code_lifetime: int = DEVICE_CODE_LIFETIME
    device_interval: int = DEVICE_INTERVAL
    client_id: str = CLIENT_ID
    client_secret: str | None = field(default=CLIENT_SECRET, repr=False)
    redirect_uri: str = ""
    more_redirect_uris: Sequence[str] = ()
    any_loopback: bool = False
    fault: Fault | None = None
    slow_seconds: float = 10
    clock: Clock = _now
    log: Log = _ignore
    token: Secret[str] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._services: dict[str, _SandboxedService] = {}
        self._listener = None if self.port is None else listen(self.port, respond=self.respond, log=self.log)
        if self._listener:
            self.port = self._listener.server_address[1]
        self._thread: threading.Thread | None = None

    @property
    def base_url(self) -> str:
        return UNREACHABLE if self.port is None else f"http://{HOST}:{self.port}"

    def server(self, name: str) -> AuthorizationServer:
        """Return the authorization server of a service, made at its first use; raises `ServiceNotFound`."""
        return self._service(name).server

    def override(self, name: str) -> Mapping[str, str]:
        """Return the keys of a service's entry that lead it to this sandbox; raises `ServiceNotFound`."""
        service = self.catalogue.get(name).registered_at
        return {**endpoints(service, self.base_url), **preset_endpoints(service, self.base_url)}

    def serve_forever(self) -> None:
        """Serve from this thread until it is interrupted."""
        if self._listener:
            with self._listener:
                self._listener.serve_forever(POLL_SECONDS)

    def start(self) -> None:
        self._thread = threading.Thread(target=self.serve_forever, name="sandbox", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        if self._listener and self._thread:
            self._listener.shutdown()
            self._thread.join()
        if self._listener:
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

    def respond(self, request: ReceivedRequest) -> SentResponse:
        """Respond to a request, however it came."""
        if (request.method, request.path) == ("GET", WELL_KNOWN):
            return self._greet(request)
        try:
            service = self._service(request.path.split("/")[1])
        except EveryAuthError:
            return not_found()
        return service.endpoints.respond(request)

    def _greet(self, request: ReceivedRequest) -> SentResponse:
        """Say that this is a sandbox, and prove that it knows the token, if it does."""
        challenge = request.query.removeprefix("challenge=")
        proven = {"proof": proof(self.token, challenge)} if self.token else {}
        body = json.dumps({**GREETING, **proven}).encode()
        return SentResponse(status=200, headers={"content-type": "application/json"}, body=body)

    def _service(self, name: str) -> _SandboxedService:
        with self._lock:
            if name not in self._services:
                self._services[name] = self._sandboxed(self.catalogue.get(name))
            return self._services[name]

    def _sandboxed(self, service: Service) -> _SandboxedService:
        at_this_sandbox = at_sandbox(service, "")
        responses = Responses(at_this_sandbox)
        registration = Registration(
            client_id=self.client_id,
            client_secret=None if service.token_endpoint_auth_method == ClientAuthMethod.NONE else self.client_secret,
            redirect_uris=self._redirect_uris(service),
            any_port=service.redirect.any_port,
            any_loopback=self.any_loopback,
            public_key=PUBLIC_KEY,
        )
        server = AuthorizationServer(responses, registration, clock=self._now, lifetimes=self._lifetimes(responses))
        server.trusted, settings = self._user_of, self._fault_settings
        return _SandboxedService(
            server,
            Endpoints(server, at_this_sandbox, self._client(service), fault_settings=settings, base_url=self.base_url),
        )

    def _user_of(self, access_token: str) -> str | None:
        """Return the user of an access token of any service: in token exchanges (RFC 8693) each trusts the others."""
        with self._lock:
            servers = [known.server for known in self._services.values()]
        return next(filter(None, (server.user(access_token) for server in servers)), None)

    def _client(self, service: Service) -> Client:
        return Client(
            service=service.name,
            client_id=self.client_id,
            client_secret=Secret(self.client_secret or ""),
            private_keys=(Secret(CLIENT_KEY),),
            params=sandbox_params(service),
        )

    def _fault_settings(self) -> FaultSettings:
        return FaultSettings(fault=self.fault, slow_seconds=self.slow_seconds)

    def _redirect_uris(self, service: Service) -> tuple[str, ...]:
        if self.redirect_uri:
            return (self.redirect_uri, *self.more_redirect_uris)
        uri = f"{service.redirect.loopback_host}:{DEFAULT_PORT}/callback/{service.registered_at.name}"
        # `login --sandbox` listens on http for every service; a login by way of the user's own entry is pasted.
        return (f"http://{uri}", f"https://{uri}") if service.redirect.https_only else (f"http://{uri}",)

    def _lifetimes(self, responses: Responses) -> Lifetimes:
        tokens = responses.dialect.tokens
        return Lifetimes(
            device_code=self.device_code_lifetime,
            device_interval=self.device_interval,
            # Tokens that never expire have no lifetime that could be shortened.
            access_token=tokens.lifetime if tokens.lifetime is None else self.token_lifetime or tokens.lifetime,
            code=self.code_lifetime or responses.service.code_lifetime or CODE_LIFETIME,
            refresh_token=self.refresh_token_lifetime or tokens.refresh_lifetime or REFRESH_TOKEN_LIFETIME,
        )

    def _now(self) -> int:
        return self.clock() + (CLOCK_AHEAD_SECONDS * 1000 if self.fault is Fault.CLOCK else 0)
