"""Sends requests to a sandbox by a call, so that no socket and no HTTP library is used."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from everyauth_cli.errors import ServiceUnreachable
from everyauth_cli.model import Request, Response, Secret
from everyauth_cli.sandbox.endpoints import Route
from everyauth_cli.sandbox.requests import ReceivedRequest
from everyauth_cli.transport.message import content, header_fields, target


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxTransport:
    """Sends requests as `transport.send` does; `base_url` is the sandbox's, and `respond` answers a request.

    Raises `ServiceUnreachable` for any other host, and where the sandbox closes the connection.
    """

    base_url: str
    respond: Route

    def send(self, request: Request) -> Response:
        name = urlsplit(request.url).hostname
        if not request.url.startswith(f"{self.base_url}/"):
            raise ServiceUnreachable(f"cannot connect to {name}: in tests only the sandbox can be reached")
        sent = self.respond(_received(request))
        if sent.hang_up:
            raise ServiceUnreachable(f"the connection to {name} broke: the sandbox closed it", lost=True)
        return Response(
            status=sent.status,
            content_type=sent.headers.get("content-type", ""),
            body=Secret(sent.body),
            retry_after=sent.headers.get("retry-after"),
        )


def _received(request: Request) -> ReceivedRequest:
    url = urlsplit(target(request).reveal())
    return ReceivedRequest(
        method=request.method,
        path=url.path,
        query=url.query,
        headers={name.decode().lower(): value.decode() for name, value in header_fields(request).reveal()},
        body=content(request).reveal(),
    )
