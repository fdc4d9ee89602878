"""Tokens whose lifetime the service does not state: refreshed at a guessed time, and never expired by the guess."""

import pytest
from peers.token_server import ENTRY, HOUR, MINUTE, World

from everyauth_cli.errors import ServiceUnreachable

DAY = 24 * HOUR
UNUSABLE = [None, 0, -1, "3600s", {"value": 3600}, 10**18, 1_800_000_000]


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


@pytest.mark.parametrize("expires_in", UNUSABLE)
def test_a_token_of_unknown_expiry_is_refreshed_about_every_hour(world, expires_in):
    world.server.lifetime = expires_in
    identity = world.login()
    assert identity.expires_at is None
    assert "expires_at" not in world.auth.get_identity("example").native
    world.clock.now += 50 * MINUTE
    world.token()
    assert world.server.refreshes == 0
    for refreshes in (1, 2):
        world.clock.now += 55 * MINUTE
        world.token()
        assert world.server.refreshes == refreshes
    assert world.auth.get_identity("example").expires_at is None


@pytest.mark.parametrize("expires_in", UNUSABLE)
def test_without_a_refresh_token_a_token_of_unknown_expiry_is_handed_out(world, expires_in):
    world.server.lifetime, world.server.extra = expires_in, {"refresh_token": None}
    identity = world.login()
    assert (identity.expires_at, identity.refreshable) == (None, False)
    world.clock.now += 1000 * DAY
    assert world.token() == world.token(min_ttl=DAY // 1000) == "access-2"


def test_the_lifetime_that_was_stated_last_is_expected_of_the_next_token(world):
    world.server.lifetime = 600
    world.login()
    world.server.lifetime = None
    for refreshes in (1, 2):
        world.clock.now += 10 * MINUTE
        world.token()
        assert world.server.refreshes == refreshes


@pytest.mark.parametrize("min_ttl", [0, 7200])
def test_a_guess_expires_no_token(world, min_ttl):
    world.server.lifetime = None
    world.login()
    world.clock.now += 10 * DAY
    world.server.faults = [ServiceUnreachable("down"), ServiceUnreachable("down")]
    assert world.token(min_ttl=min_ttl) == "access-2"
    assert "down" in world.warnings[0]


def test_a_minimum_lifetime_is_not_failed_by_a_token_of_unknown_expiry(world):
    world.server.lifetime = None
    world.login()
    assert world.token(min_ttl=30 * 24 * 3600) == "access-2"
    assert world.server.refreshes == 0


def test_a_token_from_the_future_is_refreshed(world):
    world.clock.now += DAY
    world.login()
    world.clock.now -= DAY
    assert world.token() == "access-3"
    assert world.token() == "access-3"
    assert world.server.refreshes == 1


def test_a_clock_that_is_a_little_behind_refreshes_nothing(world):
    world.login()
    world.clock.now -= MINUTE
    assert world.token() == "access-2"


def test_a_margin_of_the_entry_holds_back_a_refresh(world):
    world.entry("example", ENTRY + "refresh_margin = 20\n")
    world.server.lifetime = 600
    world.login()
    world.clock.now += 10 * MINUTE - 20_001
    world.token()
    assert world.server.refreshes == 0
    world.clock.now += 1
    world.token()
    assert world.server.refreshes == 1
