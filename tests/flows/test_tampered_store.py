"""Whoever can write in the database, but lacks the sealing key, changes nothing unnoticed."""

import pytest
from peers.stores import in_file, sealed_store
from peers.token_server import HOUR, REDIRECT_URI, World

from everyauth_cli.errors import StoreError
from everyauth_cli.model import Secret

EVIL = 'replace(metadata, \'"params":{}\', \'"params":{"host":"evil.example"}\')'
PLACED = (
    'authorization_endpoint = "https://{host}/a"\ntoken_endpoint = "https://{host}/t"\n'
    'params.host = {help = "the host", default = "good.example"}\n'
)


@pytest.fixture
def world(tmp_path):
    world = World(tmp_path, store=sealed_store(tmp_path))
    world.entry("placed", PLACED)
    world.auth.clients.set(world.auth.catalogue.get("placed"), client_id="id", client_secret=Secret("s"))
    return world


def change(world, statement, *values):
    in_file(world.directory / "everyauth.db", statement, *values)


@pytest.mark.parametrize("field", [EVIL, "replace(metadata, 'good.example', 'evil.example')"])
def test_a_client_s_parameters_and_hosts_lead_no_login_elsewhere(world, field):
    pending = world.auth.begin("placed", redirect_uri=REDIRECT_URI)
    change(world, f"UPDATE everyauth_records SET metadata = {field} WHERE kind = 'client' AND service = 'placed'")
    query = [("code", "code-alice"), ("state", pending.state.reveal())]
    for call in (
        lambda: world.auth.begin("placed", redirect_uri=REDIRECT_URI),
        lambda: world.auth.authorization_url(pending),
        lambda: world.auth.redeem(pending, query),
    ):
        with pytest.raises(StoreError, match="changed without the sealing key"):
            call()
    assert world.server.requests == []


def test_a_client_s_secret_is_not_sent_with_another_s_refresh_token(world):
    world.login()
    change(world, "UPDATE everyauth_records SET metadata = metadata || ' ' WHERE kind = 'client'")
    world.clock.now += HOUR
    sent = len(world.server.requests)
    with pytest.raises(StoreError, match="changed without the sealing key"):
        world.token()
    assert len(world.server.requests) == sent


def test_ids_that_were_swapped_hand_out_no_other_s_token(world):
    ann, bob = (world.login(user, user=user) for user in ("ann", "bob"))
    for user, other in (("ann", bob), ("bob", ann)):
        change(world, "UPDATE everyauth_records SET identity_id = ? WHERE username = ?", other.id, user)
    assert world.auth.get_identity("example", identity_id=ann.id) is None
    assert world.auth.find(identity_id=ann.id) == []
    with pytest.raises(StoreError, match="changed without the sealing key"):
        world.token("ann")


def test_a_tag_that_was_given_away_hands_out_no_other_s_token(world):
    world.login("ann", user="ann", tags={"plan": "gold"})
    world.login("bob", user="bob")
    change(world, "UPDATE everyauth_tags SET tenant = 'bob', username = 'bob'")
    assert world.auth.get_identity("example", {"plan": "gold"}) is None
    change(
        world, 'UPDATE everyauth_records SET metadata = replace(metadata, \'"tags":{}\', \'"tags":{"plan":"gold"}\')'
    )
    with pytest.raises(StoreError, match="changed without the sealing key"):
        world.auth.get_identity("example", {"plan": "gold"})


def test_a_mark_that_was_taken_away_brings_no_dead_token_back(world):
    identity = world.login()
    world.server.rotates = True
    change(world, "UPDATE everyauth_records SET due_at = NULL WHERE identity_id = ?", identity.id)
    with pytest.raises(StoreError, match="changed without the sealing key"):
        world.token()
