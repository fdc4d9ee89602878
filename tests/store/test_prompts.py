"""Prompts that a Secret Service returns, items that it changes, and the connection that is kept for it."""

from __future__ import annotations

import os
from contextlib import nullcontext

import pytest
from peers.secret_service import scripted, secret_service, session_bus

from everyauth_cli.errors import StoreLocked
from everyauth_cli.model import Secret
from everyauth_cli.store.keyring.secret_service import SecretServiceItems

pytestmark = pytest.mark.slow

NAME = "everyauth:default:identity:example:me:me"
ITEM, PROMPT = "/default/1", "/prompt"
FOUND, NOTHING = ("aoao", ([ITEM], [])), ("aoao", ([], []))
SECRETS = ("a{o(oayays)}", ({ITEM: ("/session", b"", b"secret", "text/plain")},))
SEARCHED = ["SearchItems", "GetSecrets"]


@pytest.fixture
def bus(tmp_path):
    with session_bus(tmp_path / "bus") as address:
        yield address


def items(bus_address, *, may_prompt=False, seconds=3, prompt_seconds=60):
    return SecretServiceItems(
        bus_address, lock=nullcontext, may_prompt=may_prompt, seconds=seconds, prompt_seconds=prompt_seconds
    )


def test_no_prompt_is_left_where_none_is_allowed(bus):
    with scripted(bus, SearchItems=[NOTHING], CreateItem=[("oo", ("/", PROMPT))]) as fake:
        with pytest.raises(StoreLocked, match="no display"):
            items(bus).write(NAME, Secret("secret"))
        assert fake.called[-2:] == ["Prompt", "Dismiss"]
    with scripted(bus, SearchItems=[("aoao", ([], [ITEM]))], Unlock=[("aoo", ([], PROMPT))]) as fake:
        for operation in (lambda: items(bus).read(NAME), lambda: items(bus).write(NAME, Secret("secret"))):
            with pytest.raises(StoreLocked, match="no display"):
                operation()
    assert "Prompt" not in fake.called


@pytest.mark.parametrize("may_prompt", [False, True])
def test_a_prompt_that_completes_by_itself_needs_no_display(bus, may_prompt):
    replies = {"CreateItem": [("oo", ("/", PROMPT))], "Delete": [("o", (PROMPT,))], "GetSecrets": [SECRETS]}
    with scripted(bus, completed=(False, ("o", ITEM)), SearchItems=[NOTHING, FOUND], **replies) as fake:
        kept = items(bus, may_prompt=may_prompt)
        kept.write(NAME, Secret("secret"))
        kept.delete(NAME)
    created = ["SearchItems", "ReadAlias", "OpenSession", "CreateItem", "Prompt", *SEARCHED]
    assert fake.called == [*created, "SearchItems", "Delete", "Prompt"]


def test_an_item_that_exists_is_changed_and_not_replaced(bus):
    with scripted(bus, SearchItems=[FOUND], GetSecrets=[SECRETS]) as fake:
        items(bus).write(NAME, Secret("secret"))
    assert fake.called == ["SearchItems", "OpenSession", "SetSecret", *SEARCHED]


def test_a_service_that_waits_for_a_person_is_waited_for_as_long_as_a_prompt(bus):
    with scripted(bus, SearchItems=[None]) as fake, pytest.raises(StoreLocked, match=r"not unlocked within 0\.8 s"):
        items(bus, may_prompt=True, seconds=0.3, prompt_seconds=0.8).read(NAME)
    assert fake.called == ["SearchItems", "Ping"]


@pytest.mark.parametrize("prompt", ["/", PROMPT])
def test_a_probe_leaves_no_item(bus, prompt):
    unlocks = [("aoo", ([], prompt)), ("aoo", ([], prompt)), ("aoo", (["/default"], "/"))]
    with scripted(bus, completed=(False, ("ao", [])), SearchItems=[NOTHING], Unlock=unlocks) as fake:
        items(bus, may_prompt=True).probe(NAME)
    assert not {"CreateItem", "Delete"} & set(fake.called)
    assert fake.called.count("Prompt") == (prompt != "/")


def test_a_connection_is_kept_and_one_that_ended_is_replaced(tmp_path):
    with secret_service(tmp_path / "service") as service:
        kept = items(service.bus_address)
        kept.write(NAME, Secret("old"))
        child = os.fork()
        if child == 0:
            os._exit(kept.read(NAME) != Secret("old"))
        assert os.waitpid(child, 0)[1] == 0
        service.stop()
        service.start()
        assert kept.read(NAME) == Secret("old")
