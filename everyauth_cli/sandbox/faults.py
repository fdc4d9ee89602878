"""What can go wrong at a service: the faults that the sandbox plays on demand."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

CLOCK_AHEAD_SECONDS = 600
RETRY_AFTER_SECONDS = 30


class Fault(StrEnum):
    """One fault. It befalls every refresh as long as it is set, and `CLOCK` logins too."""

    SLOW = "slow"
    SERVER_ERROR = "500"
    DROP = "drop-after-rotation"
    REVOKED = "revoked"
    REUSE = "reuse"
    CLOCK = "clock"
    HTML = "html"
    TOO_MANY = "429"


ABOUT: Mapping[Fault, str] = MappingProxyType(
    {
        Fault.SLOW: "answers after 10 s",
        Fault.SERVER_ERROR: "answers HTTP 500",
        Fault.DROP: "rotates the refresh token and hangs up without an answer",
        Fault.REVOKED: "the grant was revoked",
        Fault.REUSE: "the refresh token was used before, so the grant is revoked",
        Fault.CLOCK: "its clock is 10 minutes ahead, at logins too",
        Fault.HTML: "answers with a page where JSON belongs",
        Fault.TOO_MANY: "answers HTTP 429 with Retry-After",
    }
)
