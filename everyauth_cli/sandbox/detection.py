"""Whether a sandbox of ours is at a port."""

from __future__ import annotations

import json
from enum import Enum

HOST = "127.0.0.1"
DEFAULT_SANDBOX_PORT = 28283
WELL_KNOWN = "/.well-known/everyauth-sandbox"
GREETING = {"service": "everyauth sandbox"}
SECONDS = 2.0
LARGEST_ANSWER = 4096


class Found(Enum):
    """What is at a port."""

    NOBODY = "nobody"
    SANDBOX = "sandbox"
    STRANGER = "stranger"


def look(port: int) -> Found:
    """Ask what is at a port of the loopback interface."""
    from http.client import HTTPConnection, HTTPException  # brings ssl, and completion asks nobody

    connection = HTTPConnection(HOST, port, timeout=SECONDS)
    try:
        connection.request("GET", WELL_KNOWN)
        body = connection.getresponse().read(LARGEST_ANSWER)
        return Found.SANDBOX if json.loads(body) == GREETING else Found.STRANGER
    except ConnectionRefusedError:
        return Found.NOBODY
    except (OSError, HTTPException, ValueError):
        return Found.STRANGER
    finally:
        connection.close()
