"""The layout of a sealed secret and the text that it is bound to; imports nothing heavy, because `cli/fast` uses it."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    Lookup = tuple[str | None, str | None, int | None, int | None]

FORMAT = b"\x02"
NONCE_BYTES = 12
KEY_BYTES = 32
KEY_ID_BYTES = 16
BOX = len(FORMAT) + NONCE_BYTES


def key_info(name: str) -> bytes:
    """The info that the key of one record is derived with (RFC 5869 section 2.3)."""
    return b"everyauth record " + name.encode()


def associated_data(name: str, metadata: str, version: str, lookup: Lookup) -> bytes:
    """All columns of a row but the secret, as they are stored: who changes one without the key makes it unreadable.

    None of them has a line break in it as we write them, so no text can be moved from one column to the next.
    """
    identity_id, tags, due_at, unreported_since = lookup
    return f"{name}\n{version}\n{identity_id}\n{tags}\n{due_at!r}\n{unreported_since!r}\n{metadata}".encode()


def parts_of(cell: bytes | None) -> tuple[bytes, bytes]:
    """The nonce of a sealed secret, and what is encrypted. Raises `ValueError` for another format."""
    if cell is None or cell[:1] != FORMAT:
        raise ValueError("the format of the sealed secret is not known")
    return cell[1:BOX], cell[BOX:]
