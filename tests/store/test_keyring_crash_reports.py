"""No failure of a keyring leaves a secret in the locals of a traceback, in a message or in a debug log."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest
from keyring.errors import KeyringError
from peers import backends
from peers.crash_reporter import CANARY, assert_hidden, maybe_raised
from peers.secret_service import scripted, session_bus

from everyauth_cli.errors import StoreUnavailable
from everyauth_cli.model import Secret
from everyauth_cli.store.keyring.library import LibraryItems
from everyauth_cli.store.keyring.records import Items
from everyauth_cli.store.keyring.secret_service import SecretServiceItems

NAME = "everyauth:default:identity:example:me:me"
TEXT = '{"refreshToken":"refresh-canary-0123456789"}'
ITEM, PROMPT = "/default/1", "/prompt"
FOUND, NOTHING, LOCKED = ("aoao", ([ITEM], [])), ("aoao", ([], [])), ("aoao", ([], [ITEM]))
GIVEN = ("a{o(oayays)}", ({ITEM: ("/session", b"", TEXT.encode(), "text/plain")},))
OTHERS = ("a{o(oayays)}", ({"/default/2": ("/session", b"", TEXT.encode(), "text/plain")},))
IS_LOCKED, DENIED = "org.freedesktop.Secret.Error.IsLocked", "org.freedesktop.DBus.Error.AccessDenied"
SERVICES: dict[str, dict[str, list[object]]] = {
    "silent at a search": {"SearchItems": [None]},
    "silent at a read": {"SearchItems": [FOUND], "GetSecrets": [None]},
    "silent at a change": {"SearchItems": [FOUND], "GetSecrets": [GIVEN], "SetSecret": [None]},
    "silent at a creation": {"SearchItems": [NOTHING], "CreateItem": [None]},
    "refusing a read": {"SearchItems": [FOUND], "GetSecrets": [DENIED]},
    "refusing a change": {"SearchItems": [FOUND], "GetSecrets": [GIVEN], "SetSecret": [DENIED]},
    "locked": {"SearchItems": [LOCKED], "Unlock": [("aoo", ([], PROMPT))]},
    "locked at a creation": {"SearchItems": [NOTHING], "CreateItem": [IS_LOCKED], "Unlock": [("aoo", ([], PROMPT))]},
    "locked meanwhile": {"SearchItems": [FOUND], "GetSecrets": [GIVEN], "SetSecret": [IS_LOCKED]},
    "without a collection": {"SearchItems": [NOTHING], "ReadAlias": [("o", ("/",))]},
    "with other items": {"SearchItems": [FOUND], "GetSecrets": [OTHERS]},
    "forgetful": {"SearchItems": [NOTHING], "CreateItem": [("oo", (ITEM, "/"))]},
    "of another shape": {"SearchItems": [FOUND], "GetSecrets": [("s", (TEXT,))]},
    "empty": {"SearchItems": [FOUND], "GetSecrets": [("", ())]},
    "of two shapes": {"SearchItems": [FOUND], "GetSecrets": [("a{os}", ({ITEM: TEXT},))]},
}


class Echoing(backends.Memory):
    """Raises errors that repeat what it is given, as a program's command line may."""

    def get_password(self, service: str, username: str) -> str | None:
        raise KeyringError(f"found {TEXT!r}")

    def set_password(self, service: str, username: str, password: str) -> None:
        raise KeyringError(f"cannot keep {password}")


class ReadOnly(Echoing):
    """Holds a secret, and takes none."""

    def get_password(self, service: str, username: str) -> str | None:
        return TEXT


class Crashed(Exception):
    """An error of whoever looks at a secret before it is changed."""


def checked(before: Secret[str] | None) -> None:
    raise Crashed


DO: dict[str, Callable[[Items], object]] = {
    "read": lambda items: items.read(NAME),
    "write": lambda items: items.write(NAME, Secret(TEXT)),
    "another": lambda items: items.write(NAME, Secret(TEXT.replace("0", "1"))),
    "checked": lambda items: items.write(NAME, Secret(TEXT), check=checked),
    "delete": lambda items: items.delete(NAME),
}


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[str]:
    with session_bus(tmp_path / "bus") as address:
        yield address


@pytest.mark.slow
@pytest.mark.parametrize("service", SERVICES)
def test_a_secret_service_that_fails(bus, service, caplog):
    caplog.set_level(logging.DEBUG)
    found = []
    for do in DO.values():
        with scripted(bus, **{name: list(replies) for name, replies in SERVICES[service].items()}) as fake:
            fake.replies = {"Delete": [DENIED], "Unlock": [DENIED], **fake.replies}
            items = SecretServiceItems(bus, lock=nullcontext, may_prompt=False, seconds=0.1)
            found.append(maybe_raised(lambda do=do, items=items: do(items)))
    assert any(found)
    for error in filter(None, found):
        assert_hidden(error)
    assert CANARY not in caplog.text


@pytest.mark.parametrize("do", DO)
@pytest.mark.parametrize(
    "backend",
    [backends.Raising, backends.LockedUp, backends.Forgetful, backends.Undying, Echoing, ReadOnly, backends.Windows],
)
def test_a_back_end_of_the_library_that_fails(backend, do, caplog):
    caplog.set_level(logging.DEBUG)
    items = LibraryItems(backend(), lock=nullcontext, seconds=3)
    if (error := maybe_raised(lambda: DO[do](items))) is not None:
        assert_hidden(error)
    assert CANARY not in caplog.text


def test_a_back_end_that_repeats_what_it_is_given_is_shown_without_it():
    with pytest.raises(StoreUnavailable, match=r"failed: cannot keep \*\*\*"):
        LibraryItems(ReadOnly(), lock=nullcontext, seconds=3).write(NAME, Secret(TEXT))
