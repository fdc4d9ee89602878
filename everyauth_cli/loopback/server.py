"""The base of the HTTP servers on loopback: the redirect server's and the sandbox's."""

from __future__ import annotations

import socket
import socketserver
import sys
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

IDLE_SECONDS = 10.0
"""Seconds after which a silent connection is closed: browsers open some that they never use."""


class LoopbackServer(ThreadingHTTPServer):
    """A server with a thread for each connection."""

    daemon_threads = True
    # Browsers open several connections at once, and those that the queue cannot hold wait a second for another try.
    request_queue_size = 128
    # On Windows this option lets another process take the same port.
    allow_reuse_address = sys.platform != "win32"

    def __init__(self, address: tuple[str, int], handler: Callable[..., BaseHTTPRequestHandler]) -> None:
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        super().__init__(address, handler)

    def server_bind(self) -> None:
        # HTTPServer's own asks the resolver for the host's name, which may take seconds.
        socketserver.TCPServer.server_bind(self)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - as in the base class
        """Ignore a client that closed its connection."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class LoopbackHandler(BaseHTTPRequestHandler):
    """Handles the requests of one connection, and logs none of them."""

    # Headers and body are two writes; the second would wait for the client's delayed acknowledgement.
    disable_nagle_algorithm = True
    server_version = "everyauth"
    sys_version = ""
    timeout = IDLE_SECONDS

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as in the base class
        """Write nothing to stderr: request lines hold codes and other secrets."""
