"""Finds out whether a sandbox of ours is listening at a port."""

from __future__ import annotations

import json
from enum import StrEnum

HOST = "127.0.0.1"
DEFAULT_SANDBOX_PORT = 28283
WELL_KNOWN = "/.well-known/everyauth-sandbox"
GREETING = {"service": "everyauth sandbox"}
TIMEOUT_SECONDS = 2.0
MAX_RESPONSE_BYTES = 4096


class Listener(StrEnum):
    """The program that listens at a port."""

    NONE = "none"
    SANDBOX = "sandbox"
    OTHER = "other"


def detect(port: int) -> Listener:
    """Find out what listens at a port of the loopback interface."""
    from http.client import HTTPConnection, HTTPException  # imports ssl, which completion has no use for

    connection = HTTPConnection(HOST, port, timeout=TIMEOUT_SECONDS)
    try:
        connection.request("GET", WELL_KNOWN)
        body = connection.getresponse().read(MAX_RESPONSE_BYTES)
        return Listener.SANDBOX if json.loads(body) == GREETING else Listener.OTHER
    except ConnectionRefusedError:
        return Listener.NONE
    except (OSError, HTTPException, ValueError):
        return Listener.OTHER
    finally:
        connection.close()
