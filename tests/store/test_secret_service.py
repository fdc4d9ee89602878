"""Our client of the Secret Service against a real gnome-keyring, and against services that misbehave."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import pytest
from jeepney.io.blocking import open_dbus_connection
from peers.secret_service import SecretService, deaf_bus, scripted, secret_service, session_bus

from everyauth_cli.errors import StoreError, StoreLocked, StoreUnavailable
from everyauth_cli.model import Secret
from everyauth_cli.store.keyring.secret_service import SecretServiceItems, is_offered

pytestmark = pytest.mark.slow

NAME = "everyauth:default:identity:example:me:me"
ITEM, PROMPT = "/default/1", "/prompt"
NO_OBJECT = "org.freedesktop.DBus.Error.UnknownObject"
WRITE = ["SearchItems", "ReadAlias", "OpenSession", "CreateItem", "SearchItems", "GetSecrets"]
FOUND, NOTHING = ("aoao", ([ITEM], [])), ("aoao", ([], []))
CHANGES = [lambda v: v.write(NAME, Secret("x" * 2**20)), lambda v: v.delete(NAME)]
SECRETS = ("a{o(oayays)}", ({ITEM: ("/session", b"", b"secret", "text/plain")},))

WRITER = """
import functools, sys
from pathlib import Path
from everyauth_cli.model import Secret
from everyauth_cli.store.file_locks import FileLocks
from everyauth_cli.store.keyring.secret_service import SecretServiceItems
address, directory, writer = sys.argv[1:]
lock = functools.partial(FileLocks(Path(directory)).hold, "keyring", timeout=60)
items = SecretServiceItems(address, lock=lock, may_prompt=False)
for attempt in range(5):
    items.write(f"item-{writer}", Secret(f"{writer}-{attempt}"))
    items.write(f"item-{writer}-{attempt}", Secret("once"))
"""


@pytest.fixture
def service(tmp_path: Path) -> Iterator[SecretService]:
    with secret_service(tmp_path / "service") as running:
        yield running


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[str]:
    with session_bus(tmp_path / "bus") as address:
        yield address


def items(bus_address: str, *, may_prompt: bool = False, seconds: float = 3, prompt_seconds: float = 60):
    return SecretServiceItems(
        bus_address, lock=nullcontext, may_prompt=may_prompt, seconds=seconds, prompt_seconds=prompt_seconds
    )


def failure(error: type[StoreError], call, *, within: float) -> StoreError:
    """The error, which has to come in time and without burning the CPU."""
    started, worked = time.monotonic(), time.process_time()
    with pytest.raises(error) as caught:
        call()
    assert time.monotonic() - started < within
    assert time.process_time() - worked < 0.2
    assert caught.value.hint
    return caught.value


@pytest.mark.parametrize("text", ["", "plain", "grüße, 日本, \U0001f511\n\t\x00", "x" * 65536])
def test_what_is_written_is_read(service, text):
    assert is_offered(f"tcp:host=localhost,port=1;{service.bus_address}")
    kept = items(service.bus_address)
    assert kept.read(NAME) is None
    kept.write(NAME, Secret(text))
    assert kept.read(NAME) == Secret(text)


def test_an_item_is_overwritten_and_deleted(service):
    kept = items(service.bus_address)
    kept.write(NAME, Secret("first"))
    kept.write(NAME, Secret("second"))
    kept.write(NAME + ":other", Secret("other"))
    assert len(service.items(NAME)) == 1
    assert kept.read(NAME) == Secret("second")
    kept.delete(NAME)
    kept.delete(NAME)
    assert kept.read(NAME) is None
    assert kept.read(NAME + ":other") == Secret("other")


def test_the_keyring_library_and_we_share_one_item(service):
    kept = items(service.bus_address)
    kept.write(NAME, Secret("ours"))
    assert service.keyring("get", NAME, "everyauth") == "ours\n"
    service.keyring("set", NAME, "everyauth", input="theirs")
    assert kept.read(NAME) == Secret("theirs")
    kept.write(NAME, Secret("ours again"))
    assert service.keyring("get", NAME, "everyauth") == "ours again\n"
    assert len(service.items(NAME)) == 1


def test_doubles_that_others_made_go_with_the_next_change(service):
    kept = items(service.bus_address)
    for change in (lambda: kept.write(NAME, Secret("ours")), lambda: kept.delete(NAME)):
        for other in ("one", "two"):
            service.create({"service": NAME, "username": "everyauth", "made-by": other}, other.encode())
        assert [kept.read(NAME) for _ in range(3)] == [Secret("two")] * 3
        change()
        assert kept.read(NAME) in (Secret("ours"), None)
        assert len(service.items(NAME)) <= 1
    assert service.items(NAME) == []


def test_what_others_keep_under_that_name_does_no_harm(service):
    service.create({"service": NAME, "username": "someone"}, b"not ours")
    kept = items(service.bus_address)
    assert kept.read(NAME) is None
    kept.delete(NAME)
    assert len(service.items(NAME)) == 1
    # Bytes that are no text are read all the same, and make no sense to whoever wanted them.
    service.create({"service": NAME, "username": "everyauth"}, b"\xff{}")
    assert kept.read(NAME) == Secret("\ufffd{}")


def test_processes_that_write_at_once_lose_nothing(service, tmp_path):
    command = [sys.executable, "-c", WRITER, service.bus_address, str(tmp_path / "locks")]
    writers = [subprocess.Popen([*command, str(writer)]) for writer in range(8)]
    assert [writer.wait(60) for writer in writers] == [0] * 8
    kept = items(service.bus_address)
    for writer in range(8):
        assert kept.read(f"item-{writer}") == Secret(f"{writer}-4")
        assert len(service.items(f"item-{writer}")) == 1
        assert [kept.read(f"item-{writer}-{attempt}") for attempt in range(5)] == [Secret("once")] * 5


@pytest.mark.alone
@pytest.mark.parametrize("operation", [lambda v: v.read(NAME), *CHANGES])
def test_a_locked_keyring_is_said_to_be_locked(service, operation):
    kept = items(service.bus_address)
    kept.write(NAME, Secret("old"))
    service.lock()
    error = failure(StoreLocked, lambda: operation(kept), within=1)
    assert "unlock the keyring" in str(error.hint)
    service.stop()
    service.start()
    assert kept.read(NAME) == Secret("old")


def test_what_is_not_there_needs_no_unlocking(service):
    service.lock()
    kept = items(service.bus_address)
    assert kept.read(NAME) is None
    kept.delete(NAME)


@pytest.mark.alone
def test_a_prompt_that_cannot_be_shown_counts_as_dismissed(service):
    kept = items(service.bus_address, may_prompt=True)
    kept.write(NAME, Secret("old"))
    service.lock()
    assert "dismissed" in failure(StoreLocked, lambda: kept.read(NAME), within=2).message


@pytest.mark.alone
def test_a_prompt_that_nobody_answers_ends(service):
    kept = items(service.bus_address, may_prompt=True, seconds=1, prompt_seconds=1.5)
    kept.write(NAME, Secret("old"))
    service.lock()
    with open_dbus_connection(service.bus_address) as prompter:
        # gnome-keyring hands its prompts to whoever has this name.
        prompter.bus_proxy.RequestName("org.gnome.keyring.SystemPrompter")
        started = time.monotonic()
        assert "in 1.5 s" in failure(StoreLocked, lambda: kept.read(NAME), within=2).message
        assert time.monotonic() - started > 1.4


@pytest.mark.alone
def test_a_frozen_daemon_ends_in_time(service):
    kept = SecretServiceItems(service.bus_address, lock=nullcontext, may_prompt=True)
    service.freeze()
    assert "within 3 s" in failure(StoreUnavailable, lambda: kept.read(NAME), within=8).message


@pytest.mark.alone
@pytest.mark.parametrize("operation", CHANGES)
def test_a_change_on_a_frozen_daemon_ends_in_time(service, operation):
    kept = items(service.bus_address, seconds=0.3)
    service.freeze()
    failure(StoreUnavailable, lambda: operation(kept), within=1.5)


@pytest.mark.alone
def test_a_service_without_a_keyring_is_unavailable(service, tmp_path):
    service.stop()
    (tmp_path / "service/data/keyrings/login.keyring").unlink()
    service.start(unlocked=False)
    kept = items(service.bus_address)
    error = failure(StoreUnavailable, lambda: kept.write(NAME, Secret("new")), within=2)
    assert "no default collection" in error.message
    assert kept.read(NAME) is None


@pytest.mark.alone
def test_a_bus_without_a_service(bus):
    assert not is_offered(bus)
    error = failure(StoreUnavailable, lambda: items(bus).read(NAME), within=1)
    assert error.message == "no Secret Service replies on the session bus"
    assert error.hint == "everyauth store use sqlite://"


@pytest.mark.alone
@pytest.mark.parametrize("address", ["unix:path=/nonexistent/bus", "unix:dir=/tmp", "unix:", "nonsense"])
def test_no_bus_at_that_address(address):
    failure(StoreUnavailable, lambda: items(address).read(NAME), within=1)
    failure(StoreUnavailable, lambda: is_offered(address), within=1)


@pytest.mark.alone
@pytest.mark.parametrize("lines", [[], [b"OK 0123456789abcdef\r\n"] * 2])
def test_a_bus_that_does_not_answer(tmp_path, lines):
    with deaf_bus(tmp_path / "bus", *lines) as address:
        error = failure(StoreUnavailable, lambda: items(address, seconds=0.3).read(NAME), within=1.5)
    assert "did not answer within 0.3 s" in error.message


@pytest.mark.alone
def test_a_bus_that_lets_nobody_in(tmp_path):
    with deaf_bus(tmp_path / "bus", b"REJECTED EXTERNAL\r\n", b"REJECTED EXTERNAL\r\n") as address:
        error = failure(StoreUnavailable, lambda: items(address).read(NAME), within=1)
    assert "does not let this user in" in error.message


@pytest.mark.parametrize("first", [NO_OBJECT, None])
def test_what_may_pass_is_tried_once_more(bus, first):
    with scripted(bus, SearchItems=[first, FOUND], GetSecrets=[SECRETS]) as fake:
        assert items(bus, seconds=0.3).read(NAME) == Secret("secret")
    assert fake.called == ["SearchItems", "SearchItems", "OpenSession", "GetSecrets"]


@pytest.mark.alone
@pytest.mark.parametrize(("error", "times"), [(NO_OBJECT, 2), ("org.freedesktop.DBus.Error.AccessDenied", 1)])
def test_a_refusal_is_not_asked_for_again_and_again(bus, error, times):
    with scripted(bus, SearchItems=[error]) as fake:
        failure(StoreUnavailable, lambda: items(bus).read(NAME), within=1)
    assert fake.called == ["SearchItems"] * times


def test_an_answered_prompt_unlocks(bus):
    replies = {"SearchItems": [("aoao", ([], [ITEM]))], "Unlock": [("aoo", ([], PROMPT))], "GetSecrets": [SECRETS]}
    with scripted(bus, completed=(False, ("ao", [ITEM])), **replies) as fake:
        assert items(bus, may_prompt=True).read(NAME) == Secret("secret")
    assert fake.called == ["SearchItems", "Unlock", "Prompt", "OpenSession", "GetSecrets"]


def test_a_service_may_ask_before_it_creates_an_item(bus):
    replies = {"CreateItem": [("oo", ("/", PROMPT))], "SearchItems": [NOTHING, FOUND], "GetSecrets": [SECRETS]}
    with scripted(bus, completed=(False, ("o", ITEM)), **replies) as fake:
        items(bus, may_prompt=True).write(NAME, Secret("secret"))
    assert "Delete" not in fake.called


@pytest.mark.alone
def test_what_stays_locked_is_locked(bus):
    replies = {"CreateItem": ["org.freedesktop.Secret.Error.IsLocked"], "SearchItems": [NOTHING]}
    replies["Unlock"] = [("aoo", ([], "/"))]
    with scripted(bus, **replies):
        failure(StoreLocked, lambda: items(bus).write(NAME, Secret("secret")), within=1)
    with scripted(bus, SearchItems=[FOUND], GetSecrets=["org.freedesktop.Secret.Error.IsLocked"]):
        failure(StoreLocked, lambda: items(bus).read(NAME), within=1)


@pytest.mark.alone
def test_a_write_that_is_not_read_back_is_an_error(bus):
    found = [NOTHING, FOUND, NOTHING, FOUND]
    with scripted(bus, CreateItem=[("oo", (ITEM, "/"))], SearchItems=found, GetSecrets=[SECRETS]) as fake:
        error = failure(StoreUnavailable, lambda: items(bus).write(NAME, Secret("another")), within=1)
    assert "does not give back" in error.message
    assert fake.called == WRITE * 2


def test_the_lock_is_held_for_changes_only_and_not_while_somebody_is_asked(bus):
    kept_open = []

    @contextmanager
    def lock():
        kept_open.append(len(fake.called))
        try:
            yield
        finally:
            kept_open.append(len(fake.called))

    replies = {
        "CreateItem": ["org.freedesktop.Secret.Error.IsLocked", ("oo", (ITEM, "/"))],
        "Unlock": [("aoo", ([], PROMPT))],
        "SearchItems": [FOUND, NOTHING, NOTHING, NOTHING, FOUND],
        "GetSecrets": [SECRETS],
    }
    with scripted(bus, completed=(False, ("ao", [])), **replies) as fake:
        kept = SecretServiceItems(bus, lock=lock, may_prompt=True)
        kept.read(NAME)
        assert kept_open == []
        kept.write(NAME, Secret("secret"))
    assert fake.called[kept_open[1] : kept_open[2]] == ["SearchItems", "Unlock", "Prompt"]
    assert fake.called[kept_open[2] : kept_open[3]] == [method for method in WRITE if method != "OpenSession"]


def test_the_keyring_library_is_not_imported():
    check = "import sys, everyauth_cli.store.keyring.secret_service; sys.exit('keyring' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0
