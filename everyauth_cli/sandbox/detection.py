"""Finds out whether a sandbox of ours is listening at a port."""

from __future__ import annotations

import os
import sys
from enum import StrEnum
from pathlib import Path

from everyauth_cli.loopback.client import ask
from everyauth_cli.loopback.socket_table import PROC, listener
from everyauth_cli.model import Secret

HOST = "127.0.0.1"
DEFAULT_SANDBOX_PORT = 28283
WELL_KNOWN = "/.well-known/everyauth-sandbox"
GREETING = {"service": "everyauth sandbox"}
TIMEOUT_SECONDS = 2.0


class Listener(StrEnum):
    """The program that listens at a port."""

    NONE = "none"
    SANDBOX = "sandbox"
    FOREIGN = "foreign"
    """A sandbox that is not known to be this user's."""
    OTHER = "other"


def detect(port: int, *, token: Secret[str] | None = None, proc: Path = PROC) -> Listener:
    """Find out what listens at a port of the loopback interface.

    A sandbox is this user's if its socket is, or, where the system does not show that, if it knows the token.
    """
    challenge = os.urandom(16).hex()
    try:
        response = ask(HOST, port, f"{WELL_KNOWN}?challenge={challenge}", seconds=TIMEOUT_SECONDS)
    except ConnectionRefusedError:
        return Listener.NONE
    except (OSError, ValueError):
        return Listener.OTHER
    if not isinstance(response, dict) or not GREETING.items() <= response.items():
        return Listener.OTHER
    is_ours = _is_ours(port, proc)
    if is_ours is None:
        is_ours = token is not None and response.get("proof") == proof(token, challenge)
    return Listener.SANDBOX if is_ours else Listener.FOREIGN


def proof(token: Secret[str], challenge: str) -> str:
    """Return what only a holder of the token can know of a challenge."""
    import hmac  # with hashlib, it takes long to import

    return hmac.new(token.reveal().encode(), challenge.encode(), "sha256").hexdigest()


def _is_ours(port: int, proc: Path) -> bool | None:
    """Whether this user's process listens at a port; None if the system does not show it."""
    if sys.platform == "win32":
        return None
    owner = listener(HOST, port, proc=proc)
    return None if owner is None else owner.uid == os.geteuid()
