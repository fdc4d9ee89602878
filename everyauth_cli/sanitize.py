"""Sanitizes the text of services and users for display: one line, no control characters, no secrets."""

from __future__ import annotations

import re
import string
from collections.abc import Sequence

from everyauth_cli.model import Secret

URL = re.compile(r"https?://[^\s'\"<>()]+")
RUN = re.compile(r"[\w~+=%-]{20,}")
LETTERS = re.compile(r"[A-Za-z]{32,}")
"""Matches text that looks like a token or a part of one: a long run with a digit, or more letters than a word has."""
RUN_END = string.ascii_letters + string.digits + "_~+=%-"
LONGEST = 4096
"""Characters of a text that are read; every message is cut to far fewer."""
CUT = "…"
SHORTEST_SECRET = 6


def printable(text: str, limit: int = 300) -> str:
    """Return a text as one line of at most `limit` characters, without control characters or lone surrogates."""
    line = re.sub(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]+", " ", text).strip()
    return line if len(line) <= limit else line[: limit - 1] + CUT


def without_secrets(text: str, *secrets: Secret[str] | None) -> str:
    """Replace these secrets in a text, and the beginning of one that a cut has left."""
    hidden = _long_enough(secrets)
    return _without_beginnings(_without_whole(text, hidden), hidden)


def redact(text: str, *secrets: Secret[str] | None) -> str:
    """Replace these secrets and everything that looks like a token in a service's text, and cut URLs' queries off.

    Only the beginning of a long text is kept. The time that it takes grows no faster than the text.
    """
    hidden = _long_enough(secrets)
    # Before the cut, which may leave a part of one that would not be recognised.
    text = _cut(_without_whole(text, hidden))
    return RUN.sub(_masked, URL.sub(_without_query, _without_beginnings(text, hidden)))


def _long_enough(secrets: Sequence[Secret[str] | None]) -> list[Secret[str]]:
    return [secret for secret in secrets if secret is not None and len(secret.reveal()) >= SHORTEST_SECRET]


def _without_whole(text: str, secrets: Sequence[Secret[str]]) -> str:
    for secret in secrets:
        text = text.replace(secret.reveal(), "***")
    return text


def _without_beginnings(text: str, secrets: Sequence[Secret[str]]) -> str:
    if CUT not in text:
        return text
    for secret in secrets:
        for length in range(len(secret.reveal()) - 1, SHORTEST_SECRET - 1, -1):
            text = text.replace(secret.reveal()[:length] + CUT, "***" + CUT)
    return text


def _cut(text: str) -> str:
    """Cut a text to `LONGEST`, before a run that may be a part of a token."""
    return text if len(text) <= LONGEST else text[:LONGEST].rstrip(RUN_END) + CUT


def _without_query(match: re.Match[str]) -> str:
    return match[0].partition("?")[0].partition("#")[0]


def _masked(match: re.Match[str]) -> str:
    run = match[0]
    return "***" if any(map(str.isdigit, run)) else LETTERS.sub("***", run)
