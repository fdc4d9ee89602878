"""The failures of a service that the sandbox can simulate."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

CLOCK_AHEAD_SECONDS = 600
RETRY_AFTER_SECONDS = 30


class Fault(StrEnum):
    """A failure of every refresh for as long as it is set; `CLOCK` affects logins too."""

    SLOW = "slow"
    SERVER_ERROR = "500"
    DROP = "drop-after-rotation"
    REVOKED = "revoked"
    REUSE = "reuse"
    CLOCK = "clock"
    HTML = "html"
    TOO_MANY = "429"


DESCRIPTIONS: Mapping[Fault, str] = MappingProxyType(
    {
        Fault.SLOW: "respond after 10 s",
        Fault.SERVER_ERROR: "respond with HTTP 500",
        Fault.DROP: "rotate the refresh token and close the connection without a response",
        Fault.REVOKED: "the grant was revoked",
        Fault.REUSE: "the refresh token was used before, so the grant is revoked",
        Fault.CLOCK: "the clock is 10 minutes ahead, at logins too",
        Fault.HTML: "respond with an HTML page instead of JSON",
        Fault.TOO_MANY: "respond with HTTP 429 and Retry-After",
    }
)
