"""Method calls over a session bus on which every wait ends, and connections that are kept for the next call."""

from __future__ import annotations

import os
import socket
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import jeepney  # type: ignore[import-untyped]

from everyauth_cli.errors import EveryAuthError, StoreLocked, StoreUnavailable
from everyauth_cli.model import Secret
from everyauth_cli.os_keyring import socket_paths
from everyauth_cli.store.keyring.bus import connect

PING_SECONDS = 0.5

OTHER_STORE = "everyauth store use sqlite://"
UNLOCK = f"unlock the keyring (log in to the desktop, or use Passwords and Keys), or use a file: {OTHER_STORE}"


class Refusal(Exception):
    """An error reply: its D-Bus name and its text."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(f"{name}: {text}")
        self.name = name
        self.text = text


class Bus:
    """A connection to a session bus, on which every wait ends at a deadline.

    With `patience` a service that replies to others is waited for that many seconds, because it asks a person before it
    replies: KeePassXC does so at a search while its database is locked.
    """

    def __init__(self, connection: socket.socket, seconds: float, *, patience: float | None = None) -> None:
        self._socket = connection
        self.close = weakref.finalize(self, connection.close)
        self._parser = jeepney.Parser()
        self._unread: list[jeepney.Message] = []
        self._serial = 0
        self._patience = patience
        self._process = os.getpid()
        self.seconds = seconds
        self.session: str | None = None
        self.allow(seconds)

    def allow(self, seconds: float) -> None:
        """Let everything from now on take so long."""
        self._deadline = time.monotonic() + seconds

    def call(self, target: jeepney.DBusAddress, method: str, signature: str = "", *body: object) -> tuple[Any, ...]:
        """Call a method and wait for what it returns; an error reply is raised as `Refusal`.

        A `Secret` in the body is sent as its value.

        Raises `StoreLocked` when the service waited for a person for too long.
        """
        serial = self._send(target, method, signature, body)
        try:
            reply = self._reply(serial)
        except TimeoutError:
            if self._patience is None or not self._is_answered(target):
                raise
            reply = self._patiently(serial, self._patience)
        if reply.header.message_type is jeepney.MessageType.error:
            raise Refusal(reply.header.fields[jeepney.HeaderFields.error_name], str(*reply.body[:1]))
        return tuple(reply.body)

    def wait_for(self, matches: Callable[[jeepney.Message], bool]) -> jeepney.Message:
        """The next message that matches; others are kept, because a signal may come before a reply."""
        while not (found := [message for message in self._unread if matches(message)]):
            self._unread += self._parser.feed(self._received())
        self._unread.remove(found[0])
        return found[0]

    def is_usable(self) -> bool:
        """Whether another call can be made: the bus has not closed the connection, and no fork has shared it."""
        if self._process != os.getpid():
            return False
        self._socket.settimeout(0)
        try:
            return bool(self._socket.recv(1, socket.MSG_PEEK))
        except BlockingIOError:
            return True
        except OSError:
            return False

    def _send(self, target: jeepney.DBusAddress, method: str, signature: str, body: tuple[object, ...]) -> int:
        self._serial += 1
        self._ready().sendall(
            jeepney.new_method_call(target, method, signature, _revealed(body)).serialise(self._serial)
        )
        return self._serial

    def _received(self) -> bytes:
        data = self._ready().recv(65536)
        if not data:
            raise ConnectionResetError(None, "it closed the connection")
        return data

    def _reply(self, serial: int) -> jeepney.Message:
        return self.wait_for(lambda message: message.header.fields.get(jeepney.HeaderFields.reply_serial) == serial)

    def _is_answered(self, target: jeepney.DBusAddress) -> bool:
        """Whether the service replies to a ping (D-Bus Specification, "org.freedesktop.DBus.Peer")."""
        self.allow(PING_SECONDS)
        try:
            self._reply(self._send(target.with_interface("org.freedesktop.DBus.Peer"), "Ping", "", ()))
        except TimeoutError:
            return False
        return True

    def _patiently(self, serial: int, seconds: float) -> jeepney.Message:
        self.allow(seconds)
        try:
            reply = self._reply(serial)
        except TimeoutError:
            raise StoreLocked(f"the keyring was not unlocked within {seconds:g} s", hint=UNLOCK) from None
        self.allow(self.seconds)
        return reply

    def _ready(self) -> socket.socket:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._socket.settimeout(left)
        return self._socket


def _revealed(part: object) -> Any:  # noqa: ANN401 - a part of a body
    if isinstance(part, tuple):
        return tuple(map(_revealed, part))
    return part.reveal() if isinstance(part, Secret) else part


class Connections:
    """Connections to one of the buses at an address, each kept for the next call.

    KeePassXC asks the person anew for what each connection may read.
    """

    def __init__(self, addresses: str, seconds: float, *, patience: float | None = None) -> None:
        self._addresses = addresses
        self._seconds = seconds
        self._patience = patience
        self._idle: list[Bus] = []

    @contextmanager
    def bus(self) -> Iterator[Bus]:
        """A connection for one operation, kept unless that ends with an `OSError` or `Refusal`. Raises `OSError`."""
        bus = self._kept() or self._opened()
        bus.allow(self._seconds)
        try:
            yield bus
        except EveryAuthError:
            self._idle.append(bus)
            raise
        except BaseException:
            bus.close()
            raise
        self._idle.append(bus)

    def forget(self) -> None:
        """Close the connections that wait for a call."""
        while bus := self._kept():
            bus.close()

    def _kept(self) -> Bus | None:
        with suppress(IndexError):
            while not (bus := self._idle.pop()).is_usable():
                bus.close()
            return bus
        return None

    def _opened(self) -> Bus:
        bus = Bus(_first_that_answers(self._addresses, self._seconds), self._seconds, patience=self._patience)
        bus.call(jeepney.message_bus, "Hello")
        return bus


def _first_that_answers(addresses: str, seconds: float) -> socket.socket:
    """A connection to the first bus of a list that there is. Raises `OSError`, `StoreUnavailable`."""
    try:
        paths = list(socket_paths(addresses))
    except ValueError:
        paths = []
    if not paths:
        raise StoreUnavailable("the session bus address names no socket", hint=OTHER_STORE)
    *others, last = paths
    for path in others:
        with suppress(OSError):
            return connect(path, seconds)
    return connect(last, seconds)
