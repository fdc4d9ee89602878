"""Reads Linux's tables of TCP sockets, which say whose the other end of a connection or a listening socket is."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Container, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from everyauth_cli.sanitize import printable

PROC = Path("/proc")
ESTABLISHED, LISTEN = "01", "0A"
MAPPED = bytes(10) + b"\xff\xff"
"""The first bytes of an IPv4 address in an IPv6 socket (RFC 4291 section 2.5.5.2)."""
ANY = (bytes(4), bytes(16))
WHOLE_RANGE = ["0", "0", "4294967295"]
NO_INODE = "0"

Address = tuple[bytes, int]


class Socket(NamedTuple):
    """One row of the tables."""

    local: Address
    remote: Address
    state: str
    uid: int
    inode: str


class Owner(NamedTuple):
    """The owner of a listening socket; process and name are empty if only root may see them."""

    uid: int
    user: str
    address: str
    process: str = ""
    name: str = ""


def is_strangers(connection: socket.socket, friends: Container[int], *, proc: Path = PROC) -> bool:
    """Whether the other end of a connection on this machine is of a user that is not among the friends.

    What closed its end before its user could be seen counts as a stranger's. False if the tables do not say, as for a
    browser outside of this container.
    """
    ours, theirs = _address(connection.getsockname()), _address(connection.getpeername())
    found = _between(theirs, ours, proc)
    if found is None:
        our_end = _between(ours, theirs, proc)
        return our_end is not None and our_end.state != ESTABLISHED
    if found.inode == NO_INODE or found.uid in friends:
        return found.inode == NO_INODE
    # A user who has no process by now may have had one that ended since, and with it the connection.
    return _is_known(found.uid, proc) or _between(theirs, ours, proc) != found


def listener(host: str, port: int, *, proc: Path = PROC) -> Owner | None:
    """Return who listens where a connection to that address would end, if the tables say."""
    addresses = {_packed(host), *ANY} if ":" not in host else {_packed(host), bytes(16)}
    for each in _sockets(proc):
        if each.state == LISTEN and each.local[1] == port and each.local[0] in addresses:
            family = socket.AF_INET if len(each.local[0]) == len(ANY[0]) else socket.AF_INET6
            address = socket.inet_ntop(family, each.local[0])
            return Owner(each.uid, _user_name(each.uid), address, *_process(each.inode, proc))
    return None


def owner_of(host: str, port: int) -> str:
    """Describe the program that listens on a port, as far as the system shows it."""
    owner = listener(host, port)
    if owner is None:
        return f" on {host}"
    at = f"[{owner.address}]:{port}" if ":" in owner.address else f"{owner.address}:{port}"
    process = f"process {owner.process} ({printable(owner.name)})" if owner.process else "a process"
    return f" by {process} of user {owner.user}, which listens on {at}"


def _between(local: Address, remote: Address, proc: Path) -> Socket | None:
    return next((each for each in _sockets(proc) if (each.local, each.remote) == (local, remote)), None)


def _sockets(proc: Path) -> Iterator[Socket]:
    for table in ("tcp", "tcp6"):
        with suppress(OSError):
            for line in (proc / "net" / table).read_text().splitlines()[1:]:
                _, local, remote, state, _, _, _, uid, _, inode, *_ = line.split()
                yield Socket(_from_table(local), _from_table(remote), state, int(uid), inode)


def _from_table(text: str) -> Address:
    digits, _, port = text.partition(":")
    # Each word is in the byte order of the machine.
    words = [int(digits[at : at + 8], 16) for at in range(0, len(digits), 8)]
    return _unmapped(struct.pack(f"={len(words)}I", *words)), int(port, 16)


def _address(name: tuple[str, int]) -> Address:
    return _packed(name[0]), name[1]


def _packed(host: str) -> bytes:
    return _unmapped(socket.inet_pton(socket.AF_INET6 if ":" in host else socket.AF_INET, host))


def _unmapped(address: bytes) -> bytes:
    return address.removeprefix(MAPPED) if len(address) > len(MAPPED) else address


def _is_known(uid: int, proc: Path) -> bool:
    """Whether a number is one user's: in a user namespace all users outside of it have one number."""
    try:
        if (proc / "self/uid_map").read_text().split() == WHOLE_RANGE:
            return _has_process(uid, proc)
        return uid != int((proc / "sys/kernel/overflowuid").read_text()) and _has_process(uid, proc)
    except (OSError, ValueError):
        return False


def _has_process(uid: int, proc: Path) -> bool:
    """Whether a user has a process here: in a container with the host's network, the person at the browser has none."""
    if not (proc / "1/status").exists():
        # The processes of others are hidden (proc(5), hidepid).
        return True
    for process in _processes(proc):
        with suppress(OSError):
            status = (process / "status").read_text(errors="replace")
            if str(uid) in status.partition("\nUid:")[2].partition("\n")[0].split():
                return True
    return False


def _user_name(uid: int) -> str:
    try:
        import pwd  # not on Windows, which has no such tables either

        return pwd.getpwuid(uid).pw_name
    except (ImportError, KeyError):
        return str(uid)


def _process(inode: str, proc: Path) -> tuple[str, str]:
    """Return the process that holds a socket, and its name."""
    for process in _processes(proc):
        with suppress(OSError):
            for descriptor in (process / "fd").iterdir():
                if _target(descriptor) == f"socket:[{inode}]":
                    return process.name, (process / "comm").read_text(errors="replace").strip()
    return "", ""


def _processes(proc: Path) -> Iterator[Path]:
    """Yield the folders of the processes; each may end, and its folder go, while it is looked at."""
    with suppress(OSError):
        yield from (each for each in proc.iterdir() if each.name.isdigit())


def _target(link: Path) -> str:
    """Return what a link points to, empty where there is none any more: its folder may go away meanwhile."""
    try:
        return os.readlink(link)  # noqa: PTH115 - no path
    except OSError:
        return ""
