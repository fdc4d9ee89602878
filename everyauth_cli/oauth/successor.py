"""Finds the refresh token in a response without a readable access token: the one that was sent is spent by now."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import unquote_plus

from everyauth_cli.model import Response, Secret
from everyauth_cli.oauth.response_body import decoded_text

IN_JSON = re.compile(r'"refresh_?token"\s{0,20}:\s{0,20}("(?:[^"\\]|\\.){1,8000}")', re.IGNORECASE)
IN_FORM = re.compile(r"(?:^|&)refresh_token=([^&\s<>\"]{1,8000})(&|$)")
SEARCHED = 64 * 1024
"""Characters; a token response is shorter by far."""
VSCHAR = re.compile(r"[\x20-\x7e]+")
"""The characters of a refresh token (RFC 6749 appendix A.17)."""
MASKS = ("***", "...")


def refresh_token_in(response: Response) -> Secret[str] | None:
    """Return the one refresh token in a body, at any depth, also where the body was cut off behind it.

    None where there is none, or where there are several.
    """
    text = decoded_text(response.body.reveal(), response.content_type).strip(" \t\r\n\0")[:SEARCHED]
    # JSON in a JSON string has a backslash before each quotation mark.
    found = {token for part in (text, text.replace('\\"', '"')) for token in _tokens(part, response)}
    return Secret(found.pop()) if len(found) == 1 else None


def _tokens(text: str, response: Response) -> Iterator[str]:
    for match in IN_JSON.finditer(text):
        with suppress(ValueError):
            yield from _usable(json.loads(match[1]))
    for match in IN_FORM.finditer(text):
        # A value at the end of a form that was cut off may go on.
        if match[2] or response.is_complete:
            yield from _usable(unquote_plus(match[1]))


def _usable(token: str) -> Iterator[str]:
    """Yield a token that is whole; some services repeat a masked one in a message."""
    if VSCHAR.fullmatch(token) and not any(mask in token for mask in MASKS):
        yield token
