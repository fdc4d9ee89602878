"""Sends by the transport, which is imported for the first request: it costs more than all else together."""

from __future__ import annotations

from types import ModuleType

from everyauth_cli.model import Request, Response


def send_request(request: Request) -> Response:
    response: Response = transport().send(request, deadline=request.deadline)
    return response


def transport() -> ModuleType:
    """Import what sends requests, which costs more than all else together."""
    from everyauth_cli import transport as module

    return module
