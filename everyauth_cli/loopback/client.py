"""Asks whatever listens on loopback what it is, in a bounded time however it answers."""

from __future__ import annotations

import json
import socket
import time
from typing import Any

MAX_RESPONSE_BYTES = 4096


def ask(host: str, port: int, path: str, *, seconds: float) -> Any:  # noqa: ANN401 - JSON
    """Return the JSON that a server gives at a path.

    Raises `OSError` when there is no server or no response in time, `ValueError` for what is not JSON.
    """
    end, response = time.monotonic() + seconds, b""
    with socket.create_connection((host, port), timeout=seconds) as connection:
        connection.sendall(f"GET {path} HTTP/1.0\r\nHost: localhost:{port}\r\n\r\n".encode())
        while len(response) < MAX_RESPONSE_BYTES:
            connection.settimeout(max(end - time.monotonic(), 0.001))
            part = connection.recv(MAX_RESPONSE_BYTES)
            if not part:
                break
            response += part
    try:
        return json.loads(response.partition(b"\r\n\r\n")[2])
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
