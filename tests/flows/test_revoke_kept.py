"""Obstacles to a revocation: nothing is deleted then, unless --local says so."""

import pytest
from peers.endings import BOTH, end, is_deleted, sent
from peers.stores import damage
from peers.token_server import ENTRY, REVOCABLE, World

from everyauth_cli.errors import ClientNotSet, ConfigurationProblem, LoginRequired, ServiceNotFound, StoreError
from everyauth_cli.model import Secret


@pytest.fixture
def world(tmp_path):
    world = World(tmp_path)
    world.entry("example", REVOCABLE)
    return world


def impossible(world, kind, *says):
    """Nothing can be asked of the service: nothing is sent, and nothing lost."""
    with pytest.raises(kind) as caught:
        end(world)
    assert all(text in f"{caught.value.message}\n{caught.value.hint}" for text in (*says, "--local")), caught.value.hint
    assert sent(world) == []
    assert not is_deleted(world)
    assert end(world, local=True).not_revoked == BOTH
    assert is_deleted(world)


@pytest.mark.parametrize("change", ["client", "endpoint"])
def test_a_grant_for_another_client_or_endpoint_is_sent_to_nobody(world, change):
    world.login()
    if change == "client":
        world.auth.clients.set(world.auth.catalogue.get("example"), client_id="other")
    else:
        world.entry("example", REVOCABLE.replace("/token", ":8443/token"))
        world.auth.clients.set(world.auth.catalogue.get("example"), client_secret=Secret("s"))
    impossible(world, LoginRequired, "nothing was sent")


def test_without_a_client_nothing_is_sent_and_nothing_lost(world):
    world.login()
    world.auth.clients.delete("example")
    impossible(world, ClientNotSet, "everyauth service set example")


def test_a_removed_service_raises(world):
    world.login()
    (world.directory / "example.toml").unlink()
    impossible(world, ServiceNotFound, 'no service "example"')


def test_an_invalid_entry_raises(world):
    world.login()
    world.entry("example", REVOCABLE + "scope = 5\n")
    impossible(world, ConfigurationProblem, "scope")


@pytest.mark.parametrize("content", ["garbage", '{"version": "1"}'])
def test_unreadable_tokens_are_kept_unless_the_deletion_is_local(world, content):
    world.login()
    damage(world.store, world.key(), secret=content)
    with pytest.raises(StoreError) as caught:
        end(world)
    assert "--local" in caught.value.hint
    assert not is_deleted(world)
    revocation = end(world, local=True)
    assert (revocation.problem, revocation.not_revoked) == (None, BOTH)
    assert sent(world) == []
    assert is_deleted(world)


def test_unreadable_tokens_are_deleted_where_nothing_is_revoked(world):
    world.login()
    world.entry("example", ENTRY)
    damage(world.store, world.key(), secret="garbage")
    revocation = end(world)
    assert (revocation.offered, revocation.problem, revocation.not_revoked) == (False, None, BOTH)
    assert is_deleted(world)


@pytest.mark.parametrize("local", [True, False])
def test_tokens_of_which_neither_part_can_be_read(world, local):
    world.login()
    world.entry("example", ENTRY)
    damage(world.store, world.key(), metadata="garbage", secret="garbage")
    revocation = end(world, local=local)
    assert (revocation.identity, revocation.not_revoked) == (None, BOTH)
    assert world.key() not in world.store.backend.records
