"""Back ends of the keyring library that misbehave, each in its own way.

Their priorities are negative, so that the library uses one only if it is named.
"""

from __future__ import annotations

import getpass
import threading
import time

from keyring.backend import KeyringBackend
from keyring.backends.chainer import ChainerBackend
from keyring.backends.Windows import WinVaultKeyring
from keyring.errors import KeyringError, KeyringLocked, PasswordDeleteError


class Memory(KeyringBackend):
    """Keeps passwords in a dict."""

    priority = -1

    def __init__(self) -> None:
        super().__init__()
        self.passwords: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.passwords.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.passwords[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        if self.passwords.pop((service, username), None) is None:
            raise PasswordDeleteError("no such password")


class Windows(Memory, WinVaultKeyring):
    """An instance of the Windows back end's class, without Windows."""


class Hanging(Memory):
    """Hangs in every call until `go_on` is set."""

    go_on = threading.Event()

    def get_password(self, service: str, username: str) -> str | None:
        self.go_on.wait()
        return None

    def set_password(self, service: str, username: str, password: str) -> None:
        self.go_on.wait()


class Typed(Memory):
    """Asks for a password at the terminal before its first call, and takes a moment with it."""

    def get_password(self, service: str, username: str) -> str | None:
        if not self.passwords:
            self.passwords["typed", ""] = getpass.getpass("Keyring password: ")
            time.sleep(0.3)
        return self.passwords.get((service, username))


class Raising(Memory):
    """Raises `error` at every call."""

    error: Exception = KeyringError("the \x1b[31mreason")

    def get_password(self, service: str, username: str) -> str | None:
        raise self.error

    def set_password(self, service: str, username: str, password: str) -> None:
        raise self.error


class LockedUp(Raising):
    """Reports that it is locked."""

    error = KeyringLocked("denied")


class Forgetful(Memory):
    """Accepts every password and stores none."""

    def set_password(self, service: str, username: str, password: str) -> None:
        pass


class Undying(Memory):
    """Deletes nothing."""

    def delete_password(self, service: str, username: str) -> None:
        pass


class PlaintextKeyring(Memory):
    """Has the name of the back ends that write plain text."""


class Chain(ChainerBackend):
    """A chain whose second member writes plain text."""

    priority = -1
    backends = (Memory(), PlaintextKeyring())
