"""Reads the body of a response, bounded: as far as it comes, and unpacked where it is packed although not asked to."""

from __future__ import annotations

import zlib
from collections.abc import Iterable

import httpcore

from everyauth_cli.errors import ServiceUnreadable, raised_anew

MAX_BODY_BYTES = 1024 * 1024
CODINGS = frozenset({"gzip", "x-gzip", "deflate"})
"""The content codings that are unpacked although none was accepted (RFC 9110 section 8.4.1)."""
AUTOMATIC = 32
"""Added to the window's bits, it makes zlib recognise its own header and gzip's."""
PIECE_BYTES = 4096


@raised_anew
def read_body(chunks: Iterable[bytes], coding: str, *, host: str, status: int) -> tuple[bytes, bool]:
    """Read a body as far as it comes; also return whether it came to its end.

    Raises `ServiceUnreadable` for more than 1 MiB, packed or unpacked.
    """
    body, is_complete = bytearray(), True
    try:
        for chunk in chunks:
            body += chunk
            if len(body) > MAX_BODY_BYTES:
                raise _too_large(host, status)
    except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException):
        is_complete = False
    if coding.strip().lower() not in CODINGS:
        return bytes(body), is_complete
    unpacked, is_whole = _unpacked(bytes(body))
    if len(unpacked) > MAX_BODY_BYTES:
        raise _too_large(host, status)
    return unpacked, is_complete and is_whole


def _unpacked(body: bytes) -> tuple[bytes, bool]:
    """Unpack a body as far as it goes, to one byte more than is allowed at most; also return whether it is whole.

    One that is not packed as its label says is returned as it came. "deflate" is sent with and without zlib's header
    (RFC 9110 section 8.4.1.2).
    """
    if body.lstrip()[:1] in (b"{", b"["):
        return body, True
    for format_bits in (zlib.MAX_WBITS | AUTOMATIC, -zlib.MAX_WBITS):
        unpacked, decompressor = bytearray(), zlib.decompressobj(format_bits)
        # In pieces, because an error in one loses what was unpacked of it.
        for start in range(0, len(body), PIECE_BYTES):
            try:
                room = MAX_BODY_BYTES + 1 - len(unpacked)
                unpacked += decompressor.decompress(body[start : start + PIECE_BYTES], room)
            except zlib.error:
                break
            if decompressor.eof or len(unpacked) > MAX_BODY_BYTES:
                return bytes(unpacked), True
        if unpacked:
            return bytes(unpacked), False
    return body, True


def _too_large(host: str, status: int) -> ServiceUnreadable:
    return ServiceUnreadable(f"{host} answered with more than 1 MiB", status=status)
