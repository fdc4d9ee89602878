"""The connections of the redirect server: silent ones keep no request out, and a request in time gets its page."""

from __future__ import annotations

import select
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from typing import Any

from everyauth_cli.loopback.server import IDLE_SECONDS, LoopbackServer

MOST_SILENT = 100
"""The most connections that have sent no request yet; with one more, the oldest is closed."""

ANSWER_SECONDS = 2.0
"""The longest wait, at the end, for a browser that takes its page."""


class BoundedServer(LoopbackServer):
    """A server that silent connections, however many, keep from no request, and that ends after the last page."""

    def __init__(self, address: tuple[str, int], handler: Callable[..., BaseHTTPRequestHandler]) -> None:
        self._open: set[socket.socket] = set()
        self._silent: dict[socket.socket, float] = {}
        self._guard = threading.Lock()
        super().__init__(address, handler)

    def process_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - as in the base class
        """Begin with a connection, and close the oldest that has sent nothing if there are too many."""
        with self._guard:
            self._open.add(request)
            self._silent[request] = time.monotonic()
        self._close_silent()
        super().process_request(request, client_address)

    def service_actions(self) -> None:
        self._close_silent()

    def has_request(self, connection: socket.socket) -> None:
        """Note that a connection has sent its request."""
        with self._guard:
            self._silent.pop(connection, None)

    def shutdown_request(self, request: Any) -> None:  # noqa: ANN401 - as in the base class
        self.has_request(request)
        super().shutdown_request(request)
        with self._guard:
            self._open.discard(request)

    def end(self) -> None:
        """Stop listening, once those who came in time have their pages."""
        self.shutdown()
        self.timeout = 0
        while select.select([self], [], [], 0)[0]:
            self.handle_request()
        end = time.monotonic() + ANSWER_SECONDS
        while self._has_request_open() and time.monotonic() < end:
            time.sleep(0.01)
        self.server_close()

    def _has_request_open(self) -> bool:
        """Whether a request is without its response; browsers open connections that they never use, too."""
        with self._guard:
            open_, silent = set(self._open), list(self._silent)
        return len(open_) > len(silent) or any(map(_has_bytes, silent))

    def _close_silent(self) -> None:
        """End the connections that took too long over their request; their threads then close them."""
        late = time.monotonic() - IDLE_SECONDS
        with self._guard:
            while self._silent:
                oldest, began = next(iter(self._silent.items()))
                if began > late and len(self._silent) <= MOST_SILENT:
                    return
                del self._silent[oldest]
                with suppress(OSError):
                    oldest.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - as in the base class
        """Print nothing: an error's text may quote the request, which any program here may have sent."""


def _has_bytes(connection: socket.socket) -> bool:
    try:
        return bool(select.select([connection], [], [], 0)[0])
    except (OSError, ValueError):
        # Its own thread has closed it.
        return False
