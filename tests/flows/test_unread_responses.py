"""A response in which no token is found is kept, sealed, and read again by the next call before anything is sent."""

from __future__ import annotations

import functools
import json
from dataclasses import replace

import pytest
from peers.stores import secret_text
from peers.token_server import ENTRY, HOUR, MINUTE, NOW, World, id_token, json_response

from everyauth_cli.errors import LoginRequired, ServiceUnreachable, ServiceUnreadable
from everyauth_cli.flows.refresh_run import LARGEST_UNREAD
from everyauth_cli.model import Response, Secret
from everyauth_cli.oauth.grant import LoginReason
from everyauth_cli.store.identities import UnreadResponse, read_identity, save_identity

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
    fail(world, {"ok": True, "authed_user": {"access_token": "late"}})
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


WITHOUT_ACCESS_TOKEN = {
    "only a refresh token": b'{"refresh_token": "next"}',
    "a null access token": b'{"access_token": null, "refresh_token": "next", "expires_in": 3600}',
    "an access token that is no text": b'{"access_token": {"value": 1}, "refresh_token": "next"}',
    "an access token with odd characters": '{"access_token": "ü", "refresh_token": "next"}'.encode(),
    "an error beside it": b'{"error": "server_error", "refresh_token": "next"}',
    "in an object": b'{"data": {"tokens": {"refresh_token": "next"}}}',
    "in a string": rb'{"body": "{\"refresh_token\": \"next\"}"}',
    "in another spelling": b'{"accessToken": "a", "refreshToken": "next"}',
    "escaped": rb'{"refresh_token": "ne\u0078t"}',
    "a form": b"refresh_token=ne%78t&token_type=bearer",
    "behind a warning": b'<b>Warning</b> {"refresh_token": "next"}',
    "UTF-16": '{"refresh_token": "next"}'.encode("utf-16"),
    "cut off": b'{"access_token": "a", "refresh_token": "next", "expi',
    "large": b'{"refresh_token": "next", "more": "' + b"x" * LARGEST_UNREAD + b'"}',
}


@pytest.mark.parametrize("is_complete", [True, False], ids=["whole", "broken off"])
@pytest.mark.parametrize("body", WITHOUT_ACCESS_TOKEN.values(), ids=WITHOUT_ACCESS_TOKEN)
def test_the_refresh_token_of_a_response_without_an_access_token_is_the_next_one_sent(world, body, is_complete):
    world.server.faults = [Response(status=200, content_type="", body=Secret(body), is_complete=is_complete)]
    with pytest.raises((ServiceUnreadable, ServiceUnreachable)):
        world.token()
    world.clock.now += MINUTE
    world.server.faults = [json_response({"access_token": "b"})]
    assert world.token() == "b"
    assert world.server.requests[-1].fields["refresh_token"].reveal() == "next"
    # The service did not rotate it.
    world.clock.now += HOUR
    world.server.faults = [json_response({"access_token": "c"})]
    assert world.token() == "c"
    assert world.server.requests[-1].fields["refresh_token"].reveal() == "next"


@pytest.mark.parametrize(
    "body",
    [
        b'{"refresh_token": "cut of',
        b"token_type=bearer&refresh_token=cut",
        b'{"a": {"refresh_token": "one"}, "b": {"refresh_token": "two"}}',
        b'{"message": "unknown", "refresh_token": "grant-1.***"}',
        b'{"refresh_token": ""}',
        b'{"refresh_token": 7}',
    ],
    ids=str,
)
def test_a_refresh_token_that_is_not_whole_or_not_the_only_one_is_not_used(world, body):
    world.server.faults = [Response(status=200, content_type="", body=Secret(body), is_complete=False)]
    with pytest.raises((ServiceUnreadable, ServiceUnreachable)):
        world.token()
    world.clock.now += MINUTE
    assert world.token() == "access-3"


def test_a_living_token_is_handed_out_meanwhile(world):
    world.clock.now -= MINUTE // 2
    world.server.faults = [json_response({"refresh_token": "next"})]
    assert world.token() == "access-2"
    assert read_identity(world.store, world.key()).token.refresh_token.reveal() == "next"
    assert len(world.warnings) == 1


def test_one_that_an_earlier_version_kept_is_used_too(world):
    stored = read_identity(world.store, world.key())
    kept = UnreadResponse(
        status=200, content_type="application/json", body=Secret('{"refresh_token": "next"}'), received_at=NOW
    )
    save_identity(world.store, world.key(), replace(stored, unread=kept))
    world.server.faults = [json_response({"access_token": "b"})]
    assert world.token() == "b"
    assert world.server.requests[-1].fields["refresh_token"].reveal() == "next"


def test_fields_that_are_too_deep_to_be_written_cost_no_token(world):
    world.server.extra = {"deep": functools.reduce(lambda inner, _: {"a": [inner]}, range(150), 1), "team": "T1"}
    world.login()
    native = world.auth.get_identity("example").native
    assert native["team"] == "T1"
    assert str(native["deep"]).count("[") < 50
