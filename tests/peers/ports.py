"""Ports that no other test takes, in this process or another, and the wait for a server to listen on one."""

from __future__ import annotations

import functools
import itertools
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

# Systems give out higher ports by themselves (Linux from 32768 on, others from 49152), to servers that ask for any port
# and to each connection: such a port may be another's before the server that it is meant for binds it. The default
# ports of the command and of its sandbox lie outside too.
FIRST, LAST = 12000, 27999
BLOCK = 200
SECONDS = 60
_LOCKS: list[socket.socket] = []


def free_port() -> int:
    """Return a port that is free and that no other process of tests gets while this one runs."""
    for port in _ports():
        with suppress(OSError), _bound(port):
            return port
    raise AssertionError("unreachable: the ports are a cycle")


@functools.cache
def _ports() -> Iterator[int]:
    """Cycle through a block of ports that is this process's as long as the first of them is bound."""
    for first in range(FIRST, LAST, BLOCK):
        with suppress(OSError):
            _LOCKS.append(_bound(first))
            return itertools.cycle(range(first + 1, first + BLOCK))
    raise AssertionError(f"no block of ports from {FIRST} to {LAST} is free")


def _bound(port: int) -> socket.socket:
    """Bind a port, unless a connection that ended a minute ago still has it: not all servers would get it then."""
    bound = socket.socket()
    try:
        bound.bind(("", port))
    except OSError:
        bound.close()
        raise
    return bound


def await_listener(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Wait until a server that was just started listens on its port; its log is what a failure shows."""
    until = time.monotonic() + SECONDS
    while time.monotonic() < until and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError(f"nothing listens on port {port}; its exit code is {process.poll()}:\n{log.read_text()}")
