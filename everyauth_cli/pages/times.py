"""Times as dates, whatever size a service gave them."""

from __future__ import annotations

from datetime import UTC, datetime

LAST = 253_402_214_400_000
"""The last midnight of the year 9999, which every time zone has."""


def utc(milliseconds: float) -> datetime:
    """Return a time (milliseconds since the epoch), or the nearest that the calendar has."""
    # Written so that NaN is the epoch.
    usable = min(milliseconds, LAST) if milliseconds > 0 else 0
    return datetime.fromtimestamp(usable // 1000, UTC)


def format_time(milliseconds: float) -> str:
    """Format a time (milliseconds since the epoch) to the minute, in UTC."""
    return f"{utc(milliseconds):%Y-%m-%d %H:%M} UTC"
