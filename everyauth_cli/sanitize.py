"""Makes text from outside fit to be shown: one line, no control characters, no secrets."""

from __future__ import annotations

import re

from everyauth_cli.model import Secret

QUERY = re.compile(r"(https?://[^\s?#'\"<>()]+)[?#][^\s'\"<>()]*")
OPAQUE = re.compile(r"\b(?:(?=[\w~+=%-]*\d)[\w~+=%-]{20,}|[A-Za-z]{32,})")
"""What looks like a token or a part of one: no word of any language is that long and has digits in it."""
SHORTEST_SECRET = 6


def printable(text: str, limit: int = 300) -> str:
    """Text from outside, fit to be shown: no control characters nor halves of any, one line, at most `limit` long."""
    line = re.sub(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]+", " ", text).strip()
    return line if len(line) <= limit else line[: limit - 1] + "…"


def without_secrets(text: str, *secrets: Secret[str] | None) -> str:
    """A text in which these secrets are not to be read, however it came to hold them."""
    for secret in secrets:
        if secret is not None and len(secret.reveal()) >= SHORTEST_SECRET:
            text = text.replace(secret.reveal(), "***")
    return text


def redact(text: str, *secrets: Secret[str] | None) -> str:
    """A service's own words without these secrets, without what looks like a token, and without URLs' queries."""
    return OPAQUE.sub("***", QUERY.sub(r"\1", without_secrets(text, *secrets)))
