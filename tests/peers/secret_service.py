"""A private D-Bus session bus with a real gnome-keyring on it, unlocked, without a display."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from jeepney import (
    DBusAddress,
    DBusErrorResponse,
    HeaderFields,
    Message,
    MessageType,
    new_error,
    new_method_call,
    new_method_return,
    new_signal,
)
from jeepney.io.blocking import open_dbus_connection

# No service directories: the bus starts no daemon, so no second, locked one can win a race.
BUS_CONFIGURATION = """\
<busconfig>
  <type>session</type>
  <listen>unix:path={socket}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"""
BUS = DBusAddress("/org/freedesktop/DBus", "org.freedesktop.DBus", "org.freedesktop.DBus")
NAME = "org.freedesktop.secrets"
SERVICE = DBusAddress("/org/freedesktop/secrets", NAME, "org.freedesktop.Secret.Service")

Response = tuple[str, tuple[Any, ...]] | str | None


def call(bus_address: str, target: DBusAddress, method: str, signature: str | None = None, *body: object) -> Any:
    """Call a method on a bus; raises `DBusErrorResponse`."""
    with open_dbus_connection(bus_address) as connection:
        reply = connection.send_and_get_reply(new_method_call(target, method, signature, body), timeout=60)
    if reply.header.message_type is MessageType.error:
        raise DBusErrorResponse(reply)
    return reply.body


def programs(*names: str) -> None:
    """Skip the test if a program is missing."""
    for name in names:
        if shutil.which(name) is None:
            pytest.skip(f"{name} is not installed: tests/run installs it")


@contextmanager
def session_bus(directory: Path) -> Iterator[str]:
    """Run an empty session bus, and give its address."""
    programs("dbus-daemon")
    directory.mkdir(parents=True, exist_ok=True)
    configuration = directory / "bus.conf"
    configuration.write_text(BUS_CONFIGURATION.format(socket=directory / "bus"))
    command = ["dbus-daemon", f"--config-file={configuration}", "--nofork", "--nopidfile", "--print-address"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as bus:
        assert bus.stdout is not None
        try:
            yield bus.stdout.readline().strip()
        finally:
            bus.kill()


class SecretService:
    """A running gnome-keyring; programs with `environment` use it."""

    def __init__(self, bus_address: str, directory: Path) -> None:
        self.bus_address = bus_address
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(directory),
            "DBUS_SESSION_BUS_ADDRESS": bus_address,
            "XDG_RUNTIME_DIR": str(directory / "run"),
            "XDG_DATA_HOME": str(directory / "data"),
            "PYTHON_KEYRING_BACKEND": "keyring.backends.SecretService.Keyring",
        }
        self._daemon: subprocess.Popen[bytes] | None = None

    def start(self, *, unlocked: bool = True) -> None:
        """Start the daemon; without `unlocked`, its keyring is a locked one from an earlier start, or missing."""
        command = ["gnome-keyring-daemon", "--foreground", "--components=secrets"]
        self._daemon = subprocess.Popen(
            [*command, "--unlock"] if unlocked else command,
            env=self.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        assert self._daemon.stdin is not None
        with self._daemon.stdin as password:
            # A newline would be part of it.
            password.write(b"password")
        _wait_until(lambda: call(self.bus_address, BUS, "NameHasOwner", "s", NAME)[0])
        if unlocked:
            _wait_until(lambda: self._default_collection() != "/")

    def stop(self) -> None:
        if self._daemon is not None:
            self._daemon.kill()
            self._daemon.wait()
            self._daemon = None

    def freeze(self) -> None:
        """Make the daemon hang: it is still on the bus, and does not respond."""
        assert self._daemon is not None
        self._daemon.send_signal(signal.SIGSTOP)

    def lock(self) -> None:
        """Lock the keyring; no prompt can unlock it again."""
        call(self.bus_address, SERVICE, "Lock", "ao", [self._default_collection()])

    def items(self, name: str) -> list[str]:
        """Return the object paths of all items of that name, locked ones too."""
        unlocked, locked = call(self.bus_address, SERVICE, "SearchItems", "a{ss}", {"service": name})
        return [*unlocked, *locked]

    def create(self, attributes: dict[str, str], secret: bytes) -> None:
        """Create an item as another program would."""
        collection = DBusAddress(self._default_collection(), NAME, "org.freedesktop.Secret.Collection")
        with open_dbus_connection(self.bus_address) as connection:
            # gnome-keyring may abort if this is the first call.
            search = new_method_call(SERVICE, "SearchItems", "a{ss}", (attributes,))
            connection.send_and_get_reply(search, timeout=60)
            opened = connection.send_and_get_reply(
                new_method_call(SERVICE, "OpenSession", "sv", ("plain", ("s", ""))), timeout=10
            )
            properties = {"org.freedesktop.Secret.Item.Attributes": ("a{ss}", attributes)}
            body = (properties, (opened.body[1], b"", secret, "text/plain"), False)
            created = connection.send_and_get_reply(
                new_method_call(collection, "CreateItem", "a{sv}(oayays)b", body), timeout=10
            )
        assert created.header.message_type is MessageType.method_return

    def keyring(self, *arguments: str, input: str | None = None) -> str:  # noqa: A002 - as subprocess.run has it
        """Run the keyring library's own command."""
        command = [sys.executable, "-m", "keyring", *arguments]
        done = subprocess.run(
            command, input=input, env=self.environment, capture_output=True, text=True, check=True, timeout=20
        )
        return done.stdout

    def _default_collection(self) -> str:
        return str(call(self.bus_address, SERVICE, "ReadAlias", "s", "default")[0])


def _wait_until(ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not ready():
        assert time.monotonic() < deadline, "gnome-keyring-daemon did not get ready"
        time.sleep(0.01)


@contextmanager
def secret_service(directory: Path) -> Iterator[SecretService]:
    """Run an unlocked Secret Service; all its files are in the directory."""
    programs("gnome-keyring-daemon")
    (directory / "run").mkdir(mode=0o700, parents=True)
    with session_bus(directory) as bus_address:
        service = SecretService(bus_address, directory)
        service.start()
        try:
            yield service
        finally:
            service.stop()


class Scripted:
    """A Secret Service that replies from a table, for behaviour that a real one does not show on demand.

    `replies` has the replies of each method in order, the last one repeatedly: a signature and a body, the name of an
    error, or `None` for no reply. A prompt gets its `completed` signal.
    """

    def __init__(self, bus_address: str, *, completed: tuple[bool, tuple[str, object]] | None = None) -> None:
        self.replies: dict[str, list[Response]] = {
            "OpenSession": [("vo", (("s", ""), "/session"))],
            "ReadAlias": [("o", ("/default",))],
            "SetSecret": [("", ())],
            "Prompt": [("", ())],
            "Dismiss": [("", ())],
            "Ping": [("", ())],
        }
        self.called: list[str] = []
        self._completed = completed
        self._connection = open_dbus_connection(bus_address)
        self._connection.send_and_get_reply(new_method_call(BUS, "RequestName", "su", (NAME, 4)))
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def end(self) -> None:
        self._ended.set()
        self._thread.join()
        self._connection.close()

    def _serve(self) -> None:
        while not self._ended.is_set():
            try:
                message = self._connection.receive(timeout=0.02)
            except TimeoutError:
                continue
            if message.header.message_type is MessageType.method_call:
                self._reply(message)

    def _reply(self, message: Message) -> None:
        method = message.header.fields[HeaderFields.member]
        self.called.append(method)
        if method == "Prompt" and self._completed:
            # Before the reply, which a service may do if it needs no prompt.
            prompt = DBusAddress(message.header.fields[HeaderFields.path], interface="org.freedesktop.Secret.Prompt")
            self._connection.send(new_signal(prompt, "Completed", "bv", self._completed))
        replies = self.replies[method]
        reply = replies.pop(0) if len(replies) > 1 else replies[0]
        if isinstance(reply, str):
            self._connection.send(new_error(message, reply, "s", ("no",)))
        elif reply:
            self._connection.send(new_method_return(message, *reply))


@contextmanager
def scripted(
    bus_address: str, *, completed: tuple[bool, tuple[str, object]] | None = None, **replies: list[Response]
) -> Iterator[Scripted]:
    """Run a scripted service on a bus that has no other."""
    service = Scripted(bus_address, completed=completed)
    service.replies.update(replies)
    try:
        yield service
    finally:
        service.end()


@contextmanager
def deaf_bus(path: Path, *lines: bytes) -> Iterator[str]:
    """Run a bus that sends one line per connection and nothing more; without lines it does not even accept."""
    connections = []

    def serve() -> None:
        for line in lines:
            connection, _ = server.accept()
            connection.sendall(line)
            connections.append(connection)

    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"unix:path={path}"
        thread.join(5)
        for connection in connections:
            connection.close()
