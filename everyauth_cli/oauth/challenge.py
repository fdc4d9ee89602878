"""Authentication challenges: the WWW-Authenticate header (RFC 9110 section 11.6.1), of which RFC 6750's are read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

LARGEST = 16 * 1024
"""Characters of one line that are read; what follows is ignored."""
BETWEEN = re.compile(r"[ \t,]*")
TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
EQUALS = re.compile(r"[ \t]*=[ \t]*")
BARE = re.compile(r'[^\s,"]+')
"""More than a token may be, because some servers leave the quotes of a URL out."""
QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
TOKEN68 = re.compile(r"[ \t]+[A-Za-z0-9._~+/-]+=*(?=[ \t]*(?:,|$))")
ESCAPED = re.compile(r"\\(.)", re.DOTALL)
TOKEN_SCHEMES = ("bearer", "dpop")
"""The schemes of access tokens (RFC 6750 section 3, RFC 9449 section 7.1), in lower case."""


class Challenge(NamedTuple):
    """One challenge: its scheme and the names of its parameters are in lower case."""

    scheme: str
    params: Mapping[str, str]


def read_challenges(lines: Sequence[str]) -> list[Challenge]:
    """Return the challenges of all lines of the header; of a line that is malformed, those before the fault."""
    return [challenge for line in lines for challenge in _challenges(line[:LARGEST])]


def token_challenge(lines: Sequence[str]) -> Mapping[str, str]:
    """Return the parameters of the challenge for an access token, rather of one that names metadata (RFC 9728)."""
    found = [challenge.params for challenge in read_challenges(lines) if challenge.scheme in TOKEN_SCHEMES]
    return next((params for params in found if "resource_metadata" in params), found[0] if found else {})


def _challenges(line: str) -> Iterator[Challenge]:
    scheme, params, at = "", dict[str, str](), 0
    while (name := TOKEN.match(line, _end(BETWEEN, line, at))) is not None:
        equals = EQUALS.match(line, name.end())
        if equals is None:
            if scheme:
                yield Challenge(scheme, params)
            scheme, params, at = name[0].lower(), {}, name.end()
            at = _end(TOKEN68, line, at)
            continue
        value, at = _value(line, equals.end())
        if value is None or not scheme:
            break
        # A parameter must occur once only; of two the first counts, whoever added the other.
        params.setdefault(name[0].lower(), value)
    if scheme:
        yield Challenge(scheme, params)


def _value(line: str, at: int) -> tuple[str | None, int]:
    """Return the value that begins there, and where it ends."""
    if quoted := QUOTED.match(line, at):
        return ESCAPED.sub(r"\1", quoted[1]), quoted.end()
    bare = BARE.match(line, at)
    return (bare[0], bare.end()) if bare else (None, at)


def _end(pattern: re.Pattern[str], line: str, at: int) -> int:
    match = pattern.match(line, at)
    return match.end() if match else at
