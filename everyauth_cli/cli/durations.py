"""Durations and `key=value` pairs as people type them, and times as they read them."""

from __future__ import annotations

import re

from everyauth_cli.errors import UsageProblem
from everyauth_cli.pages.times import utc as date_of

UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
STEPS = ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))


def read_duration(text: str) -> float:
    """Return the seconds in a duration such as 90, 90s, 10m, 2h or 1d; a bare number is seconds.

    Raises `UsageProblem`.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(ms|[smhdw])?", text.strip())
    if match is None:
        raise UsageProblem(f"{text!r} is not a duration", hint="write 90s, 10m, 2h or 1d")
    return float(match[1]) * UNITS[match[2] or "s"]


def read_pairs(texts: list[str], option: str) -> dict[str, str]:
    """Return the `key=value` pairs of an option that may be repeated.

    Raises `UsageProblem`.
    """
    pairs = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not key or not equals:
            raise UsageProblem(f"{option} {text!r} is not key=value", hint=f"{option} key=value")
        pairs[key] = value
    return pairs


def expiry(moment: int | None, *, now: int) -> str:
    """Return when a token expires, in words; None is not known. Both are milliseconds since the epoch."""
    if moment is None:
        return "not known"
    return f"in {span(moment - now)}" if moment > now else "expired"


def utc(moment: int | None) -> str:
    """Return a time (milliseconds since the epoch) as RFC 3339 for programs; empty where it is not known."""
    return "" if moment is None else date_of(moment).strftime("%Y-%m-%dT%H:%M:%SZ")


def span(milliseconds: int) -> str:
    """Return a span of time in its largest unit."""
    seconds = max(milliseconds // 1000, 0)
    for size, unit in STEPS:
        number = seconds // size
        if number:
            return f"{number} {unit}{'' if number == 1 else 's'}"
    return "0 seconds"
