"""Connections to a session bus of our own; imports nothing heavy, because `cli/fast` uses it."""

from __future__ import annotations

import os
import socket
import struct
import time

LONGEST_LINE = 8192
CREDENTIALS = "3i"
"""The layout of `struct ucred`: process, user and group."""


def connect(path: str | bytes, seconds: float) -> socket.socket:
    """An authenticated connection to the bus at a socket, within so many seconds.

    Raises `OSError`, of which `PermissionError` for the bus of another user.
    """
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
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize(CREDENTIALS))
    return int(struct.unpack(CREDENTIALS, credentials)[1])
