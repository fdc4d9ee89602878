"""The Retry-After of a response (RFC 9110 section 10.2.3)."""

from __future__ import annotations

SHORTEST_SECONDS = 1.0


def seconds_until(retry_after: str, *, now: int) -> float | None:
    """Return the seconds that it asks to wait, as a number or as a date; None if it is neither.

    `now` is milliseconds since the epoch.
    """
    from email.utils import parsedate_to_datetime

    text = retry_after.strip()
    if text.isascii() and text.isdecimal():
        return max(float(text), SHORTEST_SECONDS)
    try:
        return max(parsedate_to_datetime(text).timestamp() - now / 1000, SHORTEST_SECONDS)
    except (ValueError, OverflowError):
        return None
