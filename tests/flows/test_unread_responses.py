"""A response in which no token is found is kept, sealed, and read again by the next call before anything is sent."""

from __future__ import annotations

import json

import pytest
from peers.stores import secret_text
from peers.token_server import ENTRY, HOUR, MINUTE, World, id_token, json_response

from everyauth_cli.errors import LoginRequired, ServiceUnreadable
from everyauth_cli.flows.refresh_run import LARGEST_UNREAD
from everyauth_cli.model import LoginReason
from everyauth_cli.store.identities import read_identity

FIELDS = {
    "ok": True,
    "authed_user": {"access_token": "late", "refresh_token": "late-refresh", "expires_in": 3600},
}
MENDED = ENTRY + 'quirk = "slack"\n'
"""Finds the token where `FIELDS` has it."""


@pytest.fixture
def world(tmp_path):
    world = World(tmp_path)
    world.login()
    world.clock.now += HOUR
    return world


def fail(world, fields=FIELDS):
    world.server.faults = [json_response(fields)]
    with pytest.raises(ServiceUnreadable):
        world.token()


def test_it_is_read_by_a_mended_entry_without_a_request(world):
    fail(world)
    world.entry("example", MENDED)
    world.clock.now += MINUTE
    assert world.token() == "late"
    assert world.server.refreshes == 1
    stored = read_identity(world.store, world.key())
    assert stored.unread is None
    assert stored.last_failure is None
    assert stored.identity.expires_at == world.clock.now - MINUTE + HOUR
    assert stored.token.refresh_token.reveal() == "late-refresh"


def test_it_is_in_the_secret_part_alone(world):
    fail(world)
    assert "late-refresh" in secret_text(world.store, world.key())
    assert "late-refresh" not in json.dumps(world.store.peek(world.key()))


def test_what_still_cannot_be_read_is_in_nobodys_way(world):
    fail(world)
    world.clock.now += MINUTE
    assert world.token() == "access-3"
    assert read_identity(world.store, world.key()).unread is None


def test_one_whose_token_has_expired_meanwhile_is_stored_and_refreshed(world):
    fail(world)
    world.entry("example", MENDED)
    world.clock.now += 2 * HOUR
    world.server.faults = [json_response({"access_token": "b", "refresh_token": "c"})]
    assert world.token() == "b"
    assert world.server.requests[-1].fields["refresh_token"].reveal() == "late-refresh"


@pytest.mark.parametrize("body", [b"", b"   ", b"x" * (LARGEST_UNREAD + 1)], ids=["empty", "blank", "large"])
def test_a_response_that_cannot_hold_a_token_is_not_kept(world, body):
    world.server.faults = [json_response(body)]
    with pytest.raises(ServiceUnreadable):
        world.token()
    assert read_identity(world.store, world.key()).unread is None


def test_one_of_another_account_is_marked_and_not_handed_out(world):
    other = id_token(sub="somebody else", exp=world.clock.now // 1000 + 9000)
    fail(world, {**FIELDS, "id_token": other})
    world.entry("example", MENDED)
    world.clock.now += MINUTE
    with pytest.raises(LoginRequired, match="another account"):
        world.token()
    assert world.auth.find()[0].login_required.kind is LoginReason.ACCOUNT_CHANGED
    assert world.server.refreshes == 1
