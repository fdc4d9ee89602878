"""The keyring library , with back ends that misbehave, and which keyring is chosen where."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest
from peers import backends
from peers.secret_service import SecretService, secret_service, session_bus

from everyauth_cli.errors import SecretTooLarge, StoreBusy, StoreLocked, StoreUnavailable
from everyauth_cli.model import Secret
from everyauth_cli.store.file_locks import ThreadLocks
from everyauth_cli.store.keyring.library import LibraryItems, open_keyring
from everyauth_cli.store.keyring.secret_service import SecretServiceItems

NAME = "everyauth:default:identity:example:me:me"
OTHER_STORE = "everyauth store use sqlite://"

OPEN = """
import sys
from pathlib import Path
from everyauth_cli.errors import StoreError
from everyauth_cli.store.file_locks import FileLocks
from everyauth_cli.store.keyring.library import open_keyring
try:
    items = open_keyring(bus_address=sys.argv[1], backend_name=None, may_prompt=False, locks=FileLocks(Path("locks")))
except StoreError as error:
    sys.exit(f"{error.code}: {error.message} ({error.hint})")
print(items.describe())
"""


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[str]:
    with session_bus(tmp_path / "bus") as address:
        yield address


@pytest.fixture
def service(tmp_path: Path) -> Iterator[SecretService]:
    with secret_service(tmp_path / "service") as running:
        yield running


def kept(backend, *, seconds: float = 3) -> LibraryItems:
    return LibraryItems(backend, lock=nullcontext, seconds=seconds)


def opened(*, locks=None, **arguments):
    settings = {"bus_address": None, "backend_name": None, "may_prompt": False, "platform": "linux"}
    return open_keyring(**{**settings, **arguments}, locks=locks or ThreadLocks())


def opened_alone(tmp_path: Path, bus_address: str) -> subprocess.CompletedProcess[str]:
    """Open the keyring in a process of its own, since the keyring library chooses once a process."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
        "PYTHONPATH": os.pathsep.join(map(os.path.abspath, filter(None, sys.path))),
        "DBUS_SESSION_BUS_ADDRESS": bus_address,
    }
    command = [sys.executable, "-c", OPEN, bus_address]
    return subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=20
    )


def test_what_is_written_is_read_until_it_is_deleted():
    backend = backends.Memory()
    items = kept(backend)
    assert items.read(NAME) is None
    items.write(NAME, Secret("first"))
    items.write(NAME, Secret("grüße \U0001f511"))
    assert items.read(NAME) == Secret("grüße \U0001f511")
    assert list(backend.passwords) == [(NAME, "everyauth")]
    items.delete(NAME)
    items.delete(NAME)
    assert items.read(NAME) is None


def test_a_vault_says_which_back_end_it_is():
    assert kept(backends.Memory()).describe() == "the OS keyring (peers.backends.Memory)"


@pytest.mark.parametrize("text", ["x" * 1281, "\U0001f511" * 641, "x" * 1279 + "\U0001f511"])
def test_what_windows_cannot_keep_is_refused_before_it_is_written(text):
    backend = backends.Windows()
    items = kept(backend)
    items.write(NAME, Secret("old"))
    with pytest.raises(SecretTooLarge, match="1280") as caught:
        items.write(NAME, Secret(text))
    assert OTHER_STORE in str(caught.value.hint)
    assert items.read(NAME) == Secret("old")


@pytest.mark.parametrize("text", ["x" * 1280, "\U0001f511" * 640])
def test_what_windows_can_keep_is_written(text):
    items = kept(backends.Windows())
    items.write(NAME, Secret(text))
    assert items.read(NAME) == Secret(text)


def test_other_back_ends_have_no_limit():
    kept(backends.Memory()).write(NAME, Secret("x" * 65536))


@pytest.mark.alone
@pytest.mark.parametrize(
    "operation", [lambda v: v.read(NAME), lambda v: v.write(NAME, Secret("new")), lambda v: v.delete(NAME)]
)
def test_a_back_end_that_hangs_is_given_up(operation):
    started = time.monotonic()
    try:
        with pytest.raises(
            StoreUnavailable, match=r"peers\.backends\.Hanging.* did not answer within 0\.2 s"
        ) as caught:
            operation(kept(backends.Hanging(), seconds=0.2))
    finally:
        backends.Hanging.go_on.set()
    backends.Hanging.go_on.clear()
    assert time.monotonic() - started < 1
    assert caught.value.hint == OTHER_STORE


@pytest.mark.parametrize(
    "operation", [lambda v: v.read(NAME), lambda v: v.write(NAME, Secret("new")), lambda v: v.delete(NAME)]
)
@pytest.mark.parametrize(
    ("backend", "error", "text"),
    [
        (backends.Raising, StoreUnavailable, r"the OS keyring \(peers\.backends\.Raising\) failed: the  \[31mreason"),
        (backends.LockedUp, StoreLocked, r"is locked: denied"),
    ],
)
def test_an_error_of_the_library_becomes_ours(backend, error, text, operation):
    with pytest.raises(error, match=text) as caught:
        operation(kept(backend()))
    assert OTHER_STORE in str(caught.value.hint)
    assert caught.value.__suppress_context__


def test_a_back_end_that_keeps_nothing_is_found_out():
    with pytest.raises(StoreUnavailable, match="does not give back"):
        kept(backends.Forgetful()).write(NAME, Secret("lost"))


def test_a_back_end_that_deletes_nothing_is_found_out():
    items = kept(backends.Undying())
    items.write(NAME, Secret("kept"))
    with pytest.raises(StoreUnavailable, match="still holds"):
        items.delete(NAME)


@pytest.mark.parametrize(
    ("backend_name", "text"),
    [
        ("keyring.backends.null.Keyring", r"keyring\.backends\.null\.Keyring forgets"),
        ("keyring.backends.fail.Keyring", r"no keyring was found here \(keyring\.backends\.fail\.Keyring"),
        ("peers.backends.PlaintextKeyring", r"peers\.backends\.PlaintextKeyring keeps secrets in plain text"),
        ("peers.backends.Chain", r"peers\.backends\.PlaintextKeyring keeps secrets in plain text"),
        ("nonsense", r"nonsense failed"),
        ("no.such.module.Keyring", r"no\.such\.module\.Keyring failed: No module"),
        ("peers.backends.Missing", r"peers\.backends\.Missing failed"),
        ("keyring.backends.Windows.WinVaultKeyring", r"failed: Requires Windows"),
        ("keyring.backends.macOS.Keyring", r"failed: macOS required"),
    ],
)
def test_a_back_end_that_cannot_be_used_is_refused_by_name(backend_name, text):
    with pytest.raises(StoreUnavailable, match=text) as caught:
        opened(backend_name=backend_name)
    assert OTHER_STORE in str(caught.value.hint)


@pytest.mark.parametrize("bus_address", [None, "unix:path=/nonexistent", "tcp:host=localhost"])
def test_a_named_back_end_goes_before_the_bus(bus_address):
    items = opened(backend_name="peers.backends.Memory", bus_address=bus_address)
    items.write(NAME, Secret("kept"))
    assert items.read(NAME) == Secret("kept")
    assert items.describe() == "the OS keyring (peers.backends.Memory)"


def test_without_a_bus_there_is_no_keyring():
    with pytest.raises(StoreUnavailable, match="no session bus") as caught:
        opened()
    assert caught.value.hint == OTHER_STORE


def test_a_dead_bus_is_an_error():
    with pytest.raises(StoreUnavailable, match="cannot talk to the session bus"):
        opened(bus_address="unix:path=/nonexistent")


def test_the_secret_service_is_chosen_where_there_is_one(service):
    items = opened(bus_address=service.bus_address)
    assert isinstance(items, SecretServiceItems)
    items.write(NAME, Secret("kept"))
    assert items.read(NAME) == Secret("kept")
    assert "Secret Service" in items.describe()


def test_the_keyring_library_reaches_the_same_item_by_name(service, monkeypatch):
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", service.bus_address)
    ours = opened(bus_address=service.bus_address)
    library = opened(backend_name="keyring.backends.SecretService.Keyring")
    ours.write(NAME, Secret("ours"))
    assert library.read(NAME) == Secret("ours")
    library.write(NAME, Secret("the library's"))
    assert ours.read(NAME) == Secret("the library's")
    library.delete(NAME)
    assert ours.read(NAME) is None


def test_without_a_secret_service_the_library_is_asked(tmp_path, bus):
    done = opened_alone(tmp_path, bus)
    assert "store_unavailable: no keyring was found here" in done.stderr
    assert OTHER_STORE in done.stderr


def test_a_bus_that_is_no_socket_is_left_to_the_library(tmp_path):
    assert "no keyring was found here" in opened_alone(tmp_path, "tcp:host=localhost,port=1").stderr


@pytest.mark.parametrize(("backend", "text"), [("PlaintextKeyring", "plain text"), ("Memory", "peers.backends.Memory")])
def test_what_the_library_is_configured_to_use_is_looked_at_too(tmp_path, bus, backend, text):
    configuration = tmp_path / "config" / "python_keyring" / "keyringrc.cfg"
    configuration.parent.mkdir(parents=True)
    configuration.write_text(f"[backend]\ndefault-keyring=peers.backends.{backend}\n")
    done = opened_alone(tmp_path, bus)
    assert text in done.stdout + done.stderr


class Taken:
    """Locks that somebody else holds for ever."""

    def hold(self, name: str, *, timeout: float):
        assert (name, timeout) == ("keyring", 15)
        raise TimeoutError


def test_changes_wait_for_the_lock(service):
    for arguments in ({"bus_address": service.bus_address}, {"backend_name": "peers.backends.Memory"}):
        items = opened(**arguments, locks=Taken())
        with pytest.raises(StoreBusy, match="writing to the keyring for 15 s"):
            items.write(NAME, Secret("late"))
        with pytest.raises(StoreBusy):
            items.delete(NAME)
        assert items.read(NAME) is None


def test_importing_it_loads_neither_library():
    check = (
        "import sys, everyauth_cli.store.keyring.library; sys.exit({'keyring', 'jeepney'} & set(sys.modules) != set())"
    )
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0
