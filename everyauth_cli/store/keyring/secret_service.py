"""Linux: the Secret Service over one bounded D-Bus session (specifications.freedesktop.org/secret-service-spec)."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from typing import Any, TypeVar

import jeepney  # type: ignore[import-untyped]

from everyauth_cli.errors import StoreError, StoreLocked, StoreUnavailable
from everyauth_cli.model import Secret
from everyauth_cli.sanitize import printable
from everyauth_cli.store.keyring.calls import OTHER_STORE, UNLOCK, Bus, Connections, Refusal
from everyauth_cli.store.keyring.records import Check

T = TypeVar("T")

CALL_SECONDS = 3.0
PROMPT_SECONDS = 60.0
ITSELF_SECONDS = 1.0
"""For a prompt that completes without a person."""
RETRY_PAUSE = 0.05

NO_DISPLAY = "the keyring is locked, and there is no display to ask for its password on"
BUS_NAME = "org.freedesktop.secrets"
PREFIX = "org.freedesktop.Secret."
USERNAME = "everyauth"

IS_LOCKED = PREFIX + "Error.IsLocked"
NO_SUCH_OBJECT = PREFIX + "Error.NoSuchObject"
DBUS_ERROR = "org.freedesktop.DBus.Error."
# gnome-keyring takes its objects off the bus for a moment while it rewrites its file.
# A service that was started again knows no session of before.
PASSING = {
    NO_SUCH_OBJECT,
    PREFIX + "Error.NoSession",
    DBUS_ERROR + "UnknownMethod",
    DBUS_ERROR + "UnknownObject",
    DBUS_ERROR + "NoReply",
}


class Locked(StoreLocked):
    """The objects at `paths` have to be unlocked before a change can be made."""

    def __init__(self, *paths: str) -> None:
        super().__init__("the keyring is locked", hint=UNLOCK)
        self.paths = list(paths)


class NoCollection(StoreUnavailable):
    """There is no default collection that an item could be put into."""

    def __init__(self) -> None:
        super().__init__(
            "the keyring has no default collection to put secrets into, and there is no display to ask for one on",
            hint=f"log in to the desktop, or set a default keyring in Passwords and Keys, or use a file: {OTHER_STORE}",
        )


class Items:
    """The items of one name, as one connection to the Secret Service sees them.

    For gnome-keyring's sake they are searched for first, one call is made at a time, and `Properties.Get` never: it
    aborts if `OpenSession` is the first call of a connection and comes too early, where a search is only refused.
    """

    def __init__(self, bus: Bus, name: str, *, prompt_seconds: float | None) -> None:
        self._bus = bus
        self._name = name
        self._prompt_seconds = prompt_seconds
        self._unlocked, self._locked = self._search()

    def read(self) -> Secret[bytes] | None:
        item = self._newest()
        if item is None:
            return None
        if not self._unlocked:
            self.unlock([item])
        return self._secret(item)

    def write(self, secret: Secret[bytes], check: Callable[[Secret[bytes] | None], None] | None = None) -> None:
        """Write, and make sure that this is what will be read; `check` sees the secret before.

        An item that exists is changed, because KeePassXC asks the person before it replaces one.
        Raises `Locked`, `NoCollection`.
        """
        if self._locked and not self._unlocked:
            raise Locked(*self._locked)
        if check is not None:
            check(self.read())
        item = self._newest()
        if item is None:
            item = self._create(secret)
        else:
            self._set(item, secret)
        unlocked, _ = self._search()
        if item not in unlocked or self._secret(item) != secret:
            raise Refusal(NO_SUCH_OBJECT, "it does not give back what was written to it")
        self._delete([path for path in unlocked if path != item])

    def delete(self) -> None:
        """Delete them all. Raises `Locked`."""
        self._delete(self._unlocked)
        if self._locked:
            raise Locked(*self._locked)

    def probe(self) -> None:
        """Make sure that a default collection exists and is unlocked. Raises `Locked`, `NoCollection`."""
        collection = self._default_collection()
        _, prompt = self._call("Unlock", "ao", [collection])
        if prompt != "/":
            self._dismiss(prompt)
            raise Locked(collection)

    def unlock(self, paths: list[str]) -> None:
        _, prompt = self._call("Unlock", "ao", paths)
        self._settle(prompt)

    def create_collection(self) -> None:
        """Ask the person for a default collection. Raises `NoCollection` where no prompt can be shown."""
        if self._prompt_seconds is None:
            raise NoCollection
        properties = {PREFIX + "Collection.Label": ("s", "Default keyring")}
        _, prompt = self._call("CreateCollection", "a{sv}s", properties, "default")
        self._settle(prompt)

    def _newest(self) -> str | None:
        # gnome-keyring numbers its items: it is the newest, and the same one at every call.
        items = self._unlocked or self._locked
        return max(items, key=lambda path: (len(path), path)) if items else None

    def _call(self, method: str, signature: str, *body: object) -> tuple[Any, ...]:
        return self._bus.call(_object("/org/freedesktop/secrets", "Service"), method, signature, *body)

    def _search(self) -> tuple[Any, ...]:
        """The unlocked and the locked items."""
        return self._call("SearchItems", "a{ss}", {"service": self._name, "username": USERNAME})

    @property
    def _session(self) -> str:
        if self._bus.session is None:
            self._bus.session = str(self._call("OpenSession", "sv", "plain", ("s", ""))[1])
        return self._bus.session

    def _secret(self, item: str) -> Secret[bytes]:
        reply = Secret(self._call("GetSecrets", "aoo", [item], self._session))
        if item not in reply.reveal()[0]:
            raise Refusal(NO_SUCH_OBJECT, "the item was deleted meanwhile")
        return Secret(bytes(reply.reveal()[0][item][2]))

    def _set(self, item: str, secret: Secret[bytes]) -> None:
        self._bus.call(_object(item, "Item"), "SetSecret", "(oayays)", self._content(secret))

    def _content(self, secret: Secret[bytes]) -> tuple[str, bytes, Secret[bytes], str]:
        # The content type is that of the keyring library, as label and attributes are: it and we share an item.
        return (self._session, b"", secret, "text/plain")

    def _create(self, secret: Secret[bytes]) -> str:
        collection = self._default_collection()
        label = f"Password for '{USERNAME}' on '{self._name}'"
        attributes = {"application": "Python keyring library", "service": self._name, "username": USERNAME}
        properties = {PREFIX + "Item.Label": ("s", label), PREFIX + "Item.Attributes": ("a{ss}", attributes)}
        body = (properties, self._content(secret), True)
        try:
            item, prompt = self._bus.call(_object(collection, "Collection"), "CreateItem", "a{sv}(oayays)b", *body)
        except Refusal as refusal:
            raise (Locked(collection) if refusal.name == IS_LOCKED else refusal) from None
        return str(self._settle(prompt, may_complete=True) or item)

    def _default_collection(self) -> str:
        for pause in (RETRY_PAUSE, 0.0):
            (collection,) = self._call("ReadAlias", "s", "default")
            if collection != "/":
                return str(collection)
            # It may be off the bus for a moment.
            time.sleep(pause)
        raise NoCollection

    def _delete(self, items: list[str]) -> None:
        for item in items:
            (prompt,) = self._bus.call(_object(item, "Item"), "Delete")
            self._settle(prompt, may_complete=True)

    def _settle(self, prompt: str, *, may_complete: bool = False) -> Any:  # noqa: ANN401 - a variant
        """Show the prompt that a method returned, if it did and if that is allowed, and return its result.

        One that may complete by itself is called in any case: KeePassXC returns one for each change.
        """
        if prompt == "/":
            return None
        if self._prompt_seconds is None and not may_complete:
            raise StoreLocked(NO_DISPLAY, hint=UNLOCK)
        rule = jeepney.MatchRule(type="signal", interface=PREFIX + "Prompt", member="Completed", path=prompt)
        self._bus.call(jeepney.message_bus, "AddMatch", "s", rule.serialise())
        self._bus.call(_object(prompt, "Prompt"), "Prompt", "s", "")
        self._bus.allow(self._prompt_seconds or ITSELF_SECONDS)
        try:
            dismissed, (_, result) = self._bus.wait_for(rule.matches).body
        except TimeoutError:
            self._dismiss(prompt)
            late = (
                f"the keyring's prompt was not answered within {self._prompt_seconds:g} s"
                if self._prompt_seconds
                else ""
            )
            raise StoreLocked(late or NO_DISPLAY, hint=UNLOCK) from None
        if dismissed:
            raise StoreLocked("the keyring's prompt was dismissed", hint=UNLOCK)
        self._bus.allow(self._bus.seconds)
        return result

    def _dismiss(self, prompt: str) -> None:
        """Take a prompt away that would otherwise stay on the screen."""
        self._bus.allow(self._bus.seconds)
        with suppress(OSError, Refusal):
            self._bus.call(_object(prompt, "Prompt"), "Dismiss")


class SecretServiceItems:
    """Secrets as items of the Secret Service, one a name, in its default collection.

    `lock` is held around each change, since gnome-keyring loses writes that come at the same time.
    """

    def __init__(
        self,
        bus_address: str,
        *,
        lock: Callable[[], AbstractContextManager[None]],
        may_prompt: bool,
        seconds: float = CALL_SECONDS,
        prompt_seconds: float = PROMPT_SECONDS,
    ) -> None:
        self._lock = lock
        self._seconds = seconds
        self._prompt_seconds = prompt_seconds if may_prompt else None
        self._connections = Connections(bus_address, seconds, patience=self._prompt_seconds)

    def read(self, name: str) -> Secret[str] | None:
        return _as_text(self._attempt(name, Items.read))

    def write(self, name: str, secret: Secret[str], *, check: Check | None = None) -> None:
        def look(before: Secret[bytes] | None) -> None:
            if check is not None:
                check(_as_text(before))

        self._change(name, lambda items: items.write(Secret(secret.reveal().encode()), look if check else None))

    def delete(self, name: str) -> None:
        self._change(name, Items.delete)

    def probe(self, name: str) -> None:
        self._change(name, Items.probe)

    def describe(self) -> str:
        return "the Secret Service of this session (its default keyring)"

    def _change(self, name: str, change: Callable[[Items], None]) -> None:
        try:
            with self._lock():
                self._attempt(name, change)
        except Locked as locked:
            # Not under the lock: no process should wait for a person to answer the prompt of another.
            self._attempt(name, functools.partial(Items.unlock, paths=locked.paths))
        except NoCollection:
            self._attempt(name, Items.create_collection)
        else:
            return
        with self._lock():
            self._attempt(name, change)

    def _attempt(self, name: str, operation: Callable[[Items], T]) -> T:
        seconds = self._prompt_seconds
        return _attempt(
            self._connections, lambda bus: operation(Items(bus, name, prompt_seconds=seconds)), self._seconds
        )


def is_offered(bus_address: str) -> bool:
    """Whether the bus has a Secret Service, running or to be started. Raises `StoreUnavailable` if it cannot say."""
    lists = ("ListNames", "ListActivatableNames")
    return _attempt(
        Connections(bus_address, CALL_SECONDS),
        lambda bus: any(BUS_NAME in bus.call(jeepney.message_bus, names)[0] for names in lists),
        CALL_SECONDS,
    )


def _attempt(connections: Connections, operation: Callable[[Bus], T], seconds: float, *, again: bool = True) -> T:
    """Do it, and once more on a new connection if what went wrong may pass."""
    try:
        with connections.bus() as bus:
            return operation(bus)
    except (OSError, Refusal) as error:
        connections.forget()
        if not again or (isinstance(error, Refusal) and error.name not in PASSING):
            raise _explained(error, seconds) from None
    time.sleep(RETRY_PAUSE)
    return _attempt(connections, operation, seconds, again=False)


def _as_text(secret: Secret[bytes] | None) -> Secret[str] | None:
    # An item that is no text was written by another program; whoever reads it sees that it makes no sense.
    return None if secret is None else Secret(secret.reveal().decode(errors="replace"))


def _explained(error: OSError | Refusal, seconds: float) -> StoreError:
    if isinstance(error, TimeoutError):
        return StoreUnavailable(f"the keyring did not answer within {seconds:g} s, twice", hint=OTHER_STORE)
    if isinstance(error, OSError):
        return StoreUnavailable(f"cannot talk to the session bus: {error.strerror}", hint=OTHER_STORE)
    if error.name == IS_LOCKED:
        return Locked()
    if error.name == DBUS_ERROR + "ServiceUnknown" or error.name.startswith(DBUS_ERROR + "Spawn."):
        return StoreUnavailable("no Secret Service replies on the session bus", hint=OTHER_STORE)
    return StoreUnavailable(f"the Secret Service failed: {printable(error.text or error.name)}", hint=OTHER_STORE)


def _object(path: str, interface: str) -> jeepney.DBusAddress:
    return jeepney.DBusAddress(path, bus_name=BUS_NAME, interface=PREFIX + interface)
