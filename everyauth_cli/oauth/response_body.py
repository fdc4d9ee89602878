"""Reads the fields of a response's body, whatever its label says: JSON or form encoding, in any Unicode encoding."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from everyauth_cli.sanitize import printable, redact

BYTE_ORDER_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
CHARSET = re.compile(r"charset=\"?([A-Za-z0-9_.:-]{1,40})", re.IGNORECASE)
LABEL_LENGTH = 200
FORM_NAME = re.compile(r"[A-Za-z0-9_.%+-]{1,100}")
MARKS = frozenset({"access_token", "refresh_token", "error"})
"""Fields of RFC 6749 sections 5.1 and 5.2, at least one of which every token response and every error has."""
LONGEST_NUMBER = 400
"""Digits after which Python refuses or needs long to read a number; none of a token response is as long."""


def read_object(body: bytes, content_type: str = "") -> dict[str, Any] | None:
    """Return the fields of a body (RFC 6749 section 5), or None where it holds none.

    The body decides and not its label: services send JSON labelled as a form, forms as text/plain or text/html,
    UTF-16, a byte-order mark, an array around the object, or a warning of their framework before it. A body that was
    cut off after its last brace is whole. The work is linear in the body's length.
    """
    text = decoded_text(body, content_type).strip(" \t\r\n\0")
    found = _json(text)
    if found is None:
        found = _form(text)
    return _embedded(text) if found is None else found


def read_json(body: bytes, content_type: str = "") -> Any:  # noqa: ANN401 - JSON
    """Return the JSON value of a body in any Unicode encoding; None where it is none."""
    return _decoded(decoded_text(body, content_type).strip(" \t\r\n\0"))[0]


def decoded_text(body: bytes, content_type: str) -> str:
    """Return a body as text, in the encoding that it shows itself, else that of its label."""
    for mark, encoding in BYTE_ORDER_MARKS:
        if body.startswith(mark):
            return body[len(mark) :].decode(encoding, errors="replace")
    # JSON begins with two ASCII characters (RFC 4627 section 3), so that a null byte shows which UTF-16 it is.
    if body[1:2] == b"\0":
        return body.decode("utf-16-le", errors="replace")
    if body[:1] == b"\0":
        return body.decode("utf-16-be", errors="replace")
    try:
        return body.decode()
    except UnicodeDecodeError:
        return body.decode(_charset(content_type), errors="replace")


def _charset(content_type: str) -> str:
    match = CHARSET.search(content_type[:LABEL_LENGTH])
    try:
        found = codecs.lookup(match[1]).name if match else "utf-8"
    except LookupError:
        return "utf-8"
    # Some of Python's codecs are no encodings of text and answer with other types; those of the web are named so.
    return found if found.startswith(("utf-", "iso8859", "cp125", "ascii", "latin")) else "utf-8"


def _number(digits: str) -> int | None:
    return int(digits) if len(digits) <= LONGEST_NUMBER else None


DECODER = json.JSONDecoder(parse_int=_number, parse_constant=lambda _: None)
"""NaN and Infinity are no JSON, though Python would read them."""


def _decoded(text: str, start: int = 0) -> tuple[Any, int]:
    """Return the JSON value that begins there and where it ends; None where none does."""
    try:
        value, end = DECODER.raw_decode(text, start)
    except (ValueError, RecursionError):
        return None, start
    return value, end


def _json(text: str) -> dict[str, Any] | None:
    if not text.startswith(("{", "[", '"')):
        return None
    value, end = _decoded(text)
    if isinstance(value, str) and end == len(text):
        value, _ = _decoded(value.strip())
    if isinstance(value, list):
        objects = [item for item in value if isinstance(item, dict)]
        value = objects[0] if objects else None
    return value if isinstance(value, dict) else None


def _form(text: str) -> dict[str, str] | None:
    """Return the fields of a form; in a text of any other kind a pair has no name, or white space in it."""
    if not text or any(character in text for character in "<> \t\r\n{"):
        return None
    names = [pair.partition("=") for pair in text.split("&")]
    if not all(equals and FORM_NAME.fullmatch(name) for name, equals, _ in names):
        return None
    return dict(parse_qsl(text, keep_blank_values=True))


def _embedded(text: str) -> dict[str, Any] | None:
    """Return the object that follows a warning; a page may hold objects too, but none with these fields."""
    value, _ = _decoded(text, text.find('{"')) if '{"' in text else (None, 0)
    return value if isinstance(value, dict) and not MARKS.isdisjoint(value) else None


def holds_token(fields: Mapping[str, Any]) -> bool:
    """Return whether the fields hold a new access token or refresh token that must not be lost."""
    return any(isinstance(fields.get(name), str) and fields[name] for name in ("access_token", "refresh_token"))


def failure_in(success: str | None, fields: object) -> str | None:
    """Return the value that a field has in place of that of a `success`; None where there is no such field."""
    place, _, expected = (success or "").partition("=")
    value = value_at(fields, place) if place else None
    if value is None:
        return None
    text = str(value).strip() if isinstance(value, str | int | float) else type(value).__name__
    return None if text.lower() == expected.lower() else printable(redact(text), 80)


def value_at(fields: object, path: str) -> object:
    """Return the value at a path of names and numbers such as `errors.0.code`; None where there is none."""
    for step in path.split("."):
        if isinstance(fields, Mapping):
            fields = fields.get(step)
        elif isinstance(fields, list) and step.isdecimal() and int(step) < len(fields):
            fields = fields[int(step)]
        else:
            return None
    return fields
