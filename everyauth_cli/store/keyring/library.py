"""The items of the OS keyring: by the Secret Service where there is one, else by what the `keyring` library finds."""

from __future__ import annotations

import functools
import os
import sys
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from everyauth_cli.errors import EveryAuthError, SecretTooLarge, StoreLocked, StoreUnavailable
from everyauth_cli.model import Secret
from everyauth_cli.private_files import check_owners
from everyauth_cli.sanitize import printable, redact
from everyauth_cli.store.keyring.records import Check, Items
from everyauth_cli.store.keyring.terminal_prompt import run_beside_prompt
from everyauth_cli.store.locks import Locks, hold

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

T = TypeVar("T")

CALL_SECONDS = 3.0
PROMPT_SECONDS = 60.0
LOCK_SECONDS = 15.0

USERNAME = "everyauth"
OTHER_STORE = "everyauth store use sqlite://"
OTHER_BACKEND = f"name another back end in PYTHON_KEYRING_BACKEND, or use a file: {OTHER_STORE}"

WINDOWS = "keyring.backends.Windows"
WINDOWS_UNITS = 1280
REFUSED = {
    "keyring.backends.null": "{} forgets what it is given",
    "keyring.backends.fail": "no keyring was found here ({} means none)",
}


def open_keyring(
    *, bus_address: str | None, backend_name: str | None, may_prompt: bool, locks: Locks, platform: str = sys.platform
) -> Items:
    """The keyring of this session; `backend_name` is a class of the keyring library that goes before all others.

    Raises `StoreUnavailable` when there is none, or none that can be used.
    """
    lock = functools.partial(_writing, locks)
    if platform == "linux" and backend_name is None:
        if bus_address is None:
            raise StoreUnavailable("there is no session bus here, so no keyring can be reached", hint=OTHER_STORE)
        if "unix:" in bus_address:
            from everyauth_cli.store.keyring.secret_service import SecretServiceItems, is_offered

            if is_offered(bus_address):
                return SecretServiceItems(bus_address, lock=lock, may_prompt=may_prompt)
    if platform != "win32" and os.geteuid() == 0:
        # The library imports what its configuration in the home names.
        check_owners(Path.home())
    seconds = PROMPT_SECONDS if may_prompt else CALL_SECONDS
    backend = _bounded(lambda: _load(backend_name), what=backend_name or "the keyring library", seconds=seconds)
    return LibraryItems(backend, lock=lock, seconds=seconds)


class LibraryItems:
    """Secrets as entries of one back end of the keyring library, each call bounded in time.

    A name is the entry's service, not its user: on Windows two users of one service would move each other's entry.
    Raises `StoreUnavailable` for a back end that keeps nothing or keeps it in plain text.
    """

    def __init__(
        self,
        backend: KeyringBackend,
        *,
        lock: Callable[[], AbstractContextManager[None]],
        seconds: float,
        prompt_seconds: float = PROMPT_SECONDS,
    ) -> None:
        self._backend = backend
        self._lock = lock
        self._seconds = seconds
        self._prompt_seconds = prompt_seconds
        self._classes = self._bounded(lambda: _ancestry(backend))
        _refuse(self._classes)

    def read(self, name: str) -> Secret[str] | None:
        return self._bounded(lambda: _hidden(self._backend.get_password(name, USERNAME)))

    def write(self, name: str, secret: Secret[str], *, check: Check | None = None) -> None:
        """Write and read back. Raises `SecretTooLarge` before anything is written."""
        self._check_size(name, secret)
        with self._lock():
            if check is not None:
                check(self.read(name))
            self._bounded(lambda: self._backend.set_password(name, USERNAME, secret.reveal()), hidden=secret)
            if self.read(name) != secret:
                raise StoreUnavailable(
                    f"{self.describe()} does not give back what was written to {name}", hint=OTHER_STORE
                )

    def delete(self, name: str) -> None:
        with self._lock():
            if self.read(name) is None:
                return
            self._bounded(lambda: self._backend.delete_password(name, USERNAME))
            if self.read(name) is not None:
                raise StoreUnavailable(f"{self.describe()} still holds {name} after deleting it", hint=OTHER_STORE)

    def probe(self, name: str) -> None:
        try:
            self.write(name, Secret("probe"))
        finally:
            self.delete(name)

    def describe(self) -> str:
        return f"the OS keyring ({_class_name(type(self._backend))})"

    def _bounded(self, call: Callable[[], T], *, hidden: Secret[str] | None = None) -> T:
        what, prompt_seconds = self.describe(), self._prompt_seconds
        return _bounded(call, what=what, seconds=self._seconds, prompt_seconds=prompt_seconds, hidden=hidden)

    def _check_size(self, name: str, secret: Secret[str]) -> None:
        if any(cls.__module__ == WINDOWS for cls in self._classes):
            units = len(secret.reveal().encode("utf-16-le")) // 2
            if units > WINDOWS_UNITS:
                raise SecretTooLarge(
                    f"{name} is {units} characters long, and Windows' Credential Manager takes {WINDOWS_UNITS}",
                    hint=f"keep only the sealing key in the keyring: {OTHER_STORE}",
                )


def _writing(locks: Locks) -> AbstractContextManager[None]:
    """Hold the lock of all writers to the keyring."""
    return hold(locks, "keyring", timeout=LOCK_SECONDS, task="writing to the keyring")


def _load(backend_name: str | None) -> KeyringBackend:
    import keyring.core

    return keyring.core.get_keyring() if backend_name is None else keyring.core.load_keyring(backend_name)


def _hidden(password: str | None) -> Secret[str] | None:
    return None if password is None else Secret(password)


def _bounded(
    call: Callable[[], T],
    *,
    what: str,
    seconds: float,
    prompt_seconds: float = PROMPT_SECONDS,
    hidden: Secret[str] | None = None,
) -> T:
    """Call into the keyring library, in a thread of its own because it has no time-outs.

    While it asks for a password at the terminal it has `prompt_seconds`. No error repeats what is `hidden`.
    """
    outcome: list[T] = []
    failure: list[Secret[Exception]] = []

    def run() -> None:
        try:
            outcome.append(call())
        except Exception as error:  # noqa: BLE001 - explained by the thread that waits
            failure.append(Secret(error))

    worker = threading.Thread(target=run, daemon=True)
    was_asked = run_beside_prompt(worker, seconds, prompt_seconds)
    if failure:
        raise _explained(failure[0], what, hidden) from None
    if not outcome and was_asked:
        message = f"{what} asked for a password, and did not answer within {prompt_seconds:g} s"
        raise StoreLocked(message, hint=f"try again, or use a file: {OTHER_STORE}")
    if not outcome:
        raise StoreUnavailable(f"{what} did not answer within {seconds:g} s", hint=OTHER_STORE)
    return outcome[0]


def _explained(failure: Secret[Exception], what: str, hidden: Secret[str] | None) -> EveryAuthError:
    from keyring.errors import KeyringLocked

    reason = printable(redact(str(failure.reveal()), hidden)) or type(failure.reveal()).__name__
    if isinstance(failure.reveal(), KeyringLocked):
        return StoreLocked(f"{what} is locked: {reason}", hint=f"unlock the keyring, or use a file: {OTHER_STORE}")
    return StoreUnavailable(f"{what} failed: {reason}", hint=OTHER_BACKEND)


def _refuse(classes: list[type]) -> None:
    for cls in classes:
        reason = (
            "{} keeps secrets in plain text" if "plaintext" in cls.__name__.lower() else REFUSED.get(cls.__module__)
        )
        if reason:
            raise StoreUnavailable(reason.format(_class_name(cls)), hint=OTHER_BACKEND)


def _ancestry(backend: KeyringBackend) -> list[type]:
    """The classes that a back end is made of, and those of its members if it is a chain of several."""
    members: list[KeyringBackend] = getattr(backend, "backends", [])
    return [cls for part in (backend, *members) for cls in type(part).__mro__]


def _class_name(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"
