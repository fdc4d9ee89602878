"""The names of records and of what they are looked up by; imports nothing heavy, because `cli/fast` uses it."""

from __future__ import annotations

import re

# Nearly all keys need no percent-encoding, and to find that out is fast.
PLAIN = re.compile("[A-Za-z0-9@.+_~-]*(:[A-Za-z0-9@.+_~-]*){4}")


def record_name(parts: tuple[str, ...], *, namespace: str = "") -> str:
    """The name of a record, by the parts of its key, percent-encoded so that no two keys share one.

    Raises `UnicodeEncodeError` for a text with half a character in it.
    """
    name = ":".join(parts)
    if not PLAIN.fullmatch(name):
        from urllib.parse import quote

        name = ":".join(quote(part, safe="@.+-_~") for part in parts)
    return f"everyauth{namespace}:{name}".rstrip(":")


def sealing_key_name(namespace: str) -> str:
    """The name of the sealing key's item in the OS keyring."""
    return f"everyauth{namespace}:sealing-key"
