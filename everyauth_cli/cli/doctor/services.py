"""Checks of the configured services: their clients, endpoints and redirect ports, and this machine's clock."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from everyauth_cli.cli.doctor.findings import Finding, attention, failure, good
from everyauth_cli.cli.doctor.running import Check
from everyauth_cli.cli.session import Session
from everyauth_cli.errors import ClientNotSet, ConfigurationProblem, EveryAuthError, PortInUse, ServiceUnreachable
from everyauth_cli.flows.clients import missing_params
from everyauth_cli.flows.host_pinning import check_hosts
from everyauth_cli.loopback.server import LoopbackHandler, LoopbackServer
from everyauth_cli.model import DEFAULT_PORT, Client, Request, Service
from everyauth_cli.redirect.port import bind, login_at
from everyauth_cli.services.catalogue import Catalogue
from everyauth_cli.services.endpoints import urls_of
from everyauth_cli.services.redirect_uri import check_redirect_uri, on_loopback, redirect_uri
from everyauth_cli.store.clients import list_clients
from everyauth_cli.urls import has_placeholder, host, is_url

REQUEST_SECONDS = 5.0
DOWN = (502, 503, 504)
"""Statuses of a server that is not there; any other one is a response to a request without parameters."""
CLOCK_SECONDS = 60
"""Seconds that a clock may be off: a request and its response take some of them."""
SECOND = 1000
SET_CLOCK = "sudo timedatectl set-ntp true" if sys.platform == "linux" else ""
OTHER_PORTS = range(DEFAULT_PORT, DEFAULT_PORT + 20)


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The checks of the services of a session; `clock` gives milliseconds since the epoch.

    `offsets` are the milliseconds by which this machine's clock was ahead of the servers that answered, by their names.
    """

    session: Session
    clock: Callable[[], int]
    offsets: dict[str, int] = field(default_factory=dict)

    @property
    def _catalogue(self) -> Catalogue:
        try:
            return self.session.auth.catalogue
        except EveryAuthError:
            # There is an `EveryAuth` only with a store.
            return Catalogue(self.session.settings.services_dir)

    def names(self) -> list[str]:
        """Return the services that have a client in the store or in the environment. Raises `StoreError`."""
        auth, settings = self.session.auth, self.session.settings
        stored = [client.service for client in list_clients(auth.store, settings.profile)]
        upper = {name.upper().replace("-", "_"): name for name in auth.catalogue.names()}
        given = [] if self.session.in_sandbox else [upper[name] for name in settings.client_ids if name in upper]
        return sorted({*stored, *given})

    def check(self, name: str) -> Check:
        """Return the check of one service."""
        return Check(name="service", subject=name, run=lambda: self._service(name))

    def urls(self, names: Sequence[str]) -> list[str]:
        """Return the token endpoints of these services."""
        return [self._catalogue.get(name).token_endpoint for name in names]

    def _service(self, name: str) -> Iterator[Finding | Check]:
        auth = self.session.auth
        service = auth.catalogue.get(name)
        client, has_secret = auth.clients.peek(service) or (Client(service=name, client_id=""), False)
        if problem := self._incomplete(service, client, has_secret=has_secret):
            yield problem
        try:
            service = auth.clients.filled(name)
            check_hosts(service, client, has_secret=has_secret)
        except EveryAuthError as error:
            yield failure(self.session, "service", error)
            # The endpoints as far as they are known.
            if isinstance(error, ConfigurationProblem | ClientNotSet):
                return
        else:
            if problem is None:
                yield good("service", f"{name}: the client is complete")
        yield from self._redirect(service, client)
        # An issuer is a name, where nothing has to answer.
        urls = dict.fromkeys(
            url for key, url in urls_of(service).items() if key != "issuer" and not has_placeholder(url)
        )
        yield from (self._endpoint(service, url) for url in urls)

    def _incomplete(self, service: Service, client: Client, *, has_secret: bool) -> Finding | None:
        """Return what the client of a service lacks."""
        missing = [f"--param {p.name}=..." for p in missing_params(service, client.params)]
        lacks_id = not client.client_id
        lacks_secret = not has_secret and service.takes_secret
        command = self.session.suggestion(f"everyauth init {shlex.quote(service.name)}")
        if lacks_id or missing:
            what = " and ".join(["client id"] * lacks_id + missing)
            error = ClientNotSet(f"{service.name}: the client is not complete, {what} is missing", hint=command)
            return failure(self.session, "service", error)
        if lacks_secret:
            return attention(
                "service",
                f"{service.name}: the client has no secret, which is right for a public client only",
                command=self.session.suggestion(f"everyauth service set {service.name} --client-secret -"),
            )
        return None

    def _redirect(self, service: Service, client: Client) -> Iterator[Finding]:
        uri = redirect_uri(service, client)
        try:
            if client.redirect_uri:
                check_redirect_uri(service, uri)
        except EveryAuthError as error:
            yield failure(self.session, "service", error)
            return
        if service.redirect.https_only and on_loopback(uri):
            yield attention(
                "service", f"{service.name}: the redirect URI {uri} is http, and the service insists on https"
            )
        elif on_loopback(uri):
            yield good("service", f"{service.name}: the redirect URI is {uri}")
        else:
            yield good("service", f"{service.name}: the redirect URI is {uri}; a login asks for the URL it ends at")

    def _endpoint(self, service: Service, url: str) -> Check:
        def run() -> Iterator[Finding]:
            response = self.session.send(Request(url=url, method="GET", deadline=REQUEST_SECONDS))
            self._note_date(host(url), response.date)
            if response.status in DOWN:
                raise ServiceUnreachable(f"{service.name}: {url} answered with status {response.status}")
            yield good("endpoint", f"{service.name}: {url} answers", together=f"{service.name}: {{}} endpoints answer")

        return Check(name="endpoint", subject=service.name, run=run, exit_code=ServiceUnreachable.exit_code)

    def _note_date(self, server: str, date: str | None) -> None:
        now = self.clock()
        with suppress(TypeError, ValueError):
            offset = now - int(parsedate_to_datetime(date or "").timestamp() * SECOND)
            # A page from a cache has the date at which it was made.
            self.offsets[server] = min(offset, self.offsets.get(server, offset), key=abs)

    def clock_finding(self) -> Finding:
        """Return the finding about the clock, once the endpoints have answered."""
        if not self.offsets:
            return good("clock", "not compared: no service has answered")
        server, offset = min(self.offsets.items(), key=lambda each: abs(each[1]))
        seconds = round(abs(offset) / SECOND)
        if seconds <= CLOCK_SECONDS:
            return good("clock", f"as that of {server}")
        way = "ahead of" if offset > 0 else "behind"
        error = ConfigurationProblem(f"this machine's clock is {seconds} s {way} that of {server}")
        return replace(failure(self.session, "clock", error), command=SET_CLOCK)

    def ports(self, names: Sequence[str]) -> Iterator[Finding]:
        """Bind each port of the redirect URIs of these services, and leave it again."""
        needed = self._ports(names)
        if not needed:
            yield good("port", "no login needs a port of its own")
        for (address, port), name in needed.items():
            try:
                self._bind(address, port, name)
            except PortInUse as error:
                if other := login_at(port):
                    yield attention("port", f"a login at {other} waits at port {port}; another login waits for its end")
                else:
                    yield failure(self.session, "port", error)
            except ConfigurationProblem as error:
                yield failure(self.session, "port", error)
            else:
                yield good("port", f"port {port} of the redirect URI is free")

    def _ports(self, names: Sequence[str]) -> Mapping[tuple[str, int], str]:
        """Return a service for each address and port at which a login would listen."""
        found: dict[tuple[str, int], str] = {}
        for name in sorted(names, key=is_url):
            service = self._catalogue.get(name)
            client = Client(service=name, client_id="")
            # Where the store cannot be read, the port is the usual one.
            with suppress(EveryAuthError):
                client = (self.session.auth.clients.peek(service) or (client, False))[0]
            parts = urlsplit(redirect_uri(service, client))
            if parts.scheme == "http" and parts.port:
                found.setdefault((str(parts.hostname), parts.port), name)
        return found

    def _bind(self, address: str, port: int, name: str) -> None:
        another = next((each for each in OTHER_PORTS if each != port and _is_free(each)), port)
        command = self.session.suggestion(f"everyauth service set {shlex.quote(name)} --port {another}")
        for server in bind(_listen, address, port, another_port="" if is_url(name) else command):
            server.server_close()


def _listen(address: tuple[str, int]) -> LoopbackServer:
    return LoopbackServer(address, LoopbackHandler)


def _is_free(port: int) -> bool:
    try:
        _listen(("127.0.0.1", port)).server_close()
    except OSError:
        return False
    return True
