"""Reads an item of the Secret Service for the short cut in as few lines of D-Bus as will do."""

from __future__ import annotations

from struct import pack, unpack_from

from everyauth_cli.store.keyring.bus import connect

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from typing import BinaryIO

SECONDS = 1.0
"""For each reply; after that the whole path, which waits longer, sends its own calls."""

BUS = ("/org/freedesktop/DBus", "org.freedesktop.DBus", "org.freedesktop.DBus")
SERVICE = ("/org/freedesktop/secrets", "org.freedesktop.secrets", "org.freedesktop.Secret.Service")
RETURN, SIGNAL = 2, 4
TEXTS = {b"s": 1, b"o": 1, b"ay": 0}
"""The types of a text or of an array of bytes, each with the length of its end."""


def read(path: str | bytes, name: str) -> bytes:
    """The item of that name, over the session bus at that path; raises where there is none, or it is locked."""
    with connect(path, SECONDS) as connection, connection.makefile("rb") as replies:
        return _secret(Bus(connection, replies), name)


class Bus:
    """A connection on which one call is made at a time, so that the next reply is the one to it."""

    def __init__(self, connection: socket.socket, replies: BinaryIO) -> None:
        self._connection = connection
        self._replies = replies
        self.call("Hello", to=BUS)

    def call(self, method: str, signature: str = "", body: bytes = b"", *, to: tuple[str, str, str] = SERVICE) -> bytes:
        """Call a method, and return the body of what it returns; an error reply raises."""
        path, name, interface = to
        named = ((1, b"o", path), (6, b"s", name), (2, b"s", interface), (3, b"s", method))
        fields = [b"%c\1%s\0" % (code, kind) + _text(value) for code, kind, value in named]
        header = _joined(8, *fields, b"\x08\1g\0%c%s\0" % (len(signature), signature.encode()))
        start = pack("<cBBBIII", b"l", 1, 0, 1, len(body), 1, len(header))
        self._connection.sendall(_joined(8, start + header, body))
        return self._returned()

    def _returned(self) -> bytes:
        while True:
            order, kind, _, _, size, _, header = unpack_from("<cBBBIII", self._replies.read(16))
            rest = self._replies.read(header + -header % 8 + size)
            if order == b"l" and kind == RETURN:
                return rest[len(rest) - size :]
            if order != b"l" or kind != SIGNAL:
                raise LookupError


def _secret(bus: Bus, name: str) -> bytes:
    """Make the calls of store/keyring/secret_service.py, in its order."""
    attributes = [("service", name), ("username", "everyauth")]
    entries = _joined(8, *(_joined(4, _text(key), _text(value)) for key, value in attributes))
    item = _newest(bus.call("SearchItems", "a{ss}", pack("<II", len(entries), 0) + entries))
    opened = bus.call("OpenSession", "sv", _joined(4, _text("plain") + b"\1s\0", _text("")))
    session = _field(opened, _after_variant(opened))[0]
    selected = _text(item.decode())
    reply = bus.call("GetSecrets", "aoo", _joined(4, pack("<I", len(selected)) + selected, _text(session.decode())))
    found, at = _field(reply, 8)
    if found != item:
        raise LookupError
    _, at = _field(reply, at + -at % 8)
    _, at = _field(reply, at, end=0)
    return _field(reply, at, end=0)[0]


def _after_variant(body: bytes) -> int:
    """Return where what follows a variant begins: a plain session has an empty text, and KWallet's an empty array."""
    signature = body[1 : 1 + body[0]]
    if signature not in TEXTS:
        raise LookupError
    return _field(body, len(signature) + 2, end=TEXTS[signature])[1]


def _newest(reply: bytes) -> bytes:
    """Return the item to read, of the unlocked ones that were found."""
    (size,), at = unpack_from("<I", reply), 4
    items = []
    while at < 4 + size:
        item, at = _field(reply, at)
        items.append(item)
    return max(items, key=lambda path: (len(path), path))


def _text(text: str) -> bytes:
    return pack("<I", len(text.encode())) + text.encode() + b"\0"


def _joined(alignment: int, *parts: bytes) -> bytes:
    whole = b""
    for part in parts:
        whole += bytes(-len(whole) % alignment) + part
    return whole


def _field(body: bytes, at: int, *, end: int = 1) -> tuple[bytes, int]:
    """A text, or with no `end` an array of bytes, and where what follows it begins."""
    at += -at % 4
    (size,) = unpack_from("<I", body, at)
    return body[at + 4 : at + 4 + size], at + 4 + size + end
