"""The session bus: where its sockets may be, and that it is our own; imports nothing heavy, as `cli/fast` uses it."""

from __future__ import annotations

import os
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator, Mapping

LONGEST_LINE = 8192
CREDENTIALS = "3i"
"""The layout of `struct ucred`: process, user and group."""


def bus_addresses(environ: Mapping[str, str]) -> str | None:
    """The addresses of the session bus: the session's own, else those of its usual places that have one.

    A cron job or a service has no session's variables, while the user's bus is at the place that systemd gives it.
    """
    if given := environ.get("DBUS_SESSION_BUS_ADDRESS"):
        return given
    runtime = environ.get("XDG_RUNTIME_DIR")
    for directory in ([runtime] if runtime else []) + [f"/run/user/{os.geteuid()}"]:
        if is_ours(f"{directory}/bus"):
            return f"unix:path={directory}/bus"
    return None


def is_ours(path: str) -> bool:
    """Whether a file is there and belongs to this user."""
    try:
        return os.stat(path).st_uid == os.geteuid()  # noqa: PTH116 - pathlib is heavy
    except OSError:
        return False


def socket_paths(addresses: str) -> Iterator[str | bytes]:
    """The Unix sockets of a list of addresses, in its order; others cannot be reached from here.

    Raises `ValueError` for what is no list of addresses (D-Bus Specification, "Server Addresses").
    """
    for address in filter(None, addresses.split(";")):
        transport, colon, rest = address.partition(":")
        if not colon:
            raise ValueError(f"{address!r} has no transport")
        options = dict(_option(word) for word in rest.split(",")) if rest else {}
        if transport == "unix" and "path" in options:
            yield _unescaped(options["path"])
        elif transport == "unix" and "abstract" in options:
            yield b"\0" + _unescaped(options["abstract"]).encode()


def connect(path: str | bytes, seconds: float) -> socket.socket:
    """An authenticated connection to the bus at a socket, within so many seconds.

    Raises `OSError`, of which `PermissionError` for the bus of another user.
    """
    import socket

    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.settimeout(seconds)
        connection.connect(path)
        _authenticate(connection, seconds)
    except BaseException:
        connection.close()
        raise
    return connection


def _authenticate(connection: socket.socket, seconds: float) -> None:
    """Show who we are (D-Bus Specification, "Authentication Protocol"), once it is known who answers."""
    if peer_of(connection) != os.geteuid():
        raise PermissionError(None, "it belongs to another user")
    connection.sendall(b"\0AUTH EXTERNAL %s\r\n" % str(os.geteuid()).encode().hex().encode())
    if not _line(connection, time.monotonic() + seconds).startswith(b"OK "):
        raise PermissionError(None, "it does not let this user in")
    connection.sendall(b"BEGIN\r\n")
    connection.settimeout(seconds)


def _line(connection: socket.socket, until: float) -> bytes:
    line = b""
    while not line.endswith(b"\r\n"):
        connection.settimeout(max(0.001, until - time.monotonic()))
        more = connection.recv(LONGEST_LINE - len(line))
        if not more:
            raise ConnectionResetError(None, "it closed the connection")
        line += more
    return line


def peer_of(connection: socket.socket) -> int:
    """The user that the other end of a connection runs as."""
    import socket
    import struct

    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize(CREDENTIALS))
    return int(struct.unpack(CREDENTIALS, credentials)[1])


def _option(word: str) -> tuple[str, str]:
    name, equals, value = word.partition("=")
    if not equals:
        raise ValueError(f"{word!r} has no value")
    return name, value


def _unescaped(value: str) -> str:
    if "%" not in value:
        return value
    from urllib.parse import unquote

    return unquote(value)
