"""Failed refreshes: a token that has not expired is used, an ended grant is remembered, and no token is lost."""

from dataclasses import replace

import pytest
from peers.stores import over
from peers.token_server import HOUR, MINUTE, World, json_response

from everyauth_cli.errors import (
    ClientRejected,
    LoginRequired,
    ServiceError,
    ServiceUnreachable,
    StoreUnavailable,
)
from everyauth_cli.model import Secret
from everyauth_cli.oauth.grant import LoginReason
from everyauth_cli.store.identities import read_identity
from everyauth_cli.store.memory import MemoryRecords

NOT_SENT = {"not connected": ServiceUnreachable("cannot connect")}
LOST = {
    "no response": ServiceUnreachable("no answer", lost=True),
    "503": json_response(b"<html>", status=503, content_type="text/html"),
    "html": json_response(b"<html>", content_type="text/html"),
    "redirect": json_response(b"", status=302),
    "no token": json_response({}),
    "cut off": replace(json_response(b'{"access_tok'), is_complete=False),
    "empty": json_response(b""),
}
"""After these the service may have rotated the refresh token all the same."""
REFUSED = {
    "429": json_response({"error": "rate"}, status=429),
    "temporarily_unavailable": json_response({"error": "temporarily_unavailable"}, status=400),
    "too early": json_response({"error": "access_denied", "error_description": "not expired"}, status=400),
    "invalid_request": json_response({"error": "invalid_request"}, status=400),
    "empty 400": json_response(b"", status=400),
    "blank 400": json_response(b" \n", status=400, content_type="text/html"),
    "plain 400": json_response(b"the token is no longer valid", status=400, content_type="text/plain"),
    "invalid_client": json_response({"error": "invalid_client"}, status=401),
}
FAULTS = {**NOT_SENT, **LOST, **REFUSED}
MEANS_A_LOGIN = {"too early", "invalid_request", "empty 400", "blank 400", "plain 400"}
"""Of an expired token these refuse the grant itself, as far as anybody can tell."""


class FailingRecords(MemoryRecords):
    """Fails at the saves whose numbers, counted from `count`, are in `failing`."""

    count = 0
    failing = frozenset()

    def fail(self, *numbers):
        self.count, self.failing = 0, frozenset(numbers)

    def save(self, key, name, draft, *, version):
        self.count += 1
        if self.count in self.failing:
            raise StoreUnavailable("the disk is full")
        return super().save(key, name, draft, version=version)


@pytest.fixture
def records():
    return FailingRecords()


@pytest.fixture
def world(tmp_path, records):
    world = World(tmp_path, store=over(records))
    world.login(user="ann")
    return world


def refreshing_since(world):
    return read_identity(world.store, world.key("ann")).refreshing_since


@pytest.mark.parametrize("fault", FAULTS)
def test_a_token_that_lives_is_handed_out_with_a_warning_whatever_the_failure(world, fault):
    world.clock.now += 59 * MINUTE + 30_000
    world.server.faults = [FAULTS[fault]]
    assert world.token("ann") == "access-2"
    assert len(world.warnings) == 1
    assert "has not expired" in world.warnings[0]
    assert "access-2" not in world.warnings[0]
    assert world.auth.find()[0].login_required is None


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("requirement", [{}, {"min_ttl": MINUTE}, {"rejected": Secret("access-2")}], ids=str)
def test_a_token_that_will_not_do_is_not_handed_out(world, fault, requirement):
    world.clock.now += 59 * MINUTE + 30_000 if requirement else HOUR
    world.server.faults = [FAULTS[fault]]
    with pytest.raises((ServiceError, ClientRejected)) as caught:
        world.token("ann", **requirement)
    assert caught.value.exit_code == (2 if fault == "invalid_client" else 5)
    assert world.warnings == []
    assert world.server.refreshes == 1


@pytest.mark.parametrize("fault", sorted({**LOST, **REFUSED}.keys() - {"invalid_client"}))
def test_a_failure_is_remembered_and_not_repeated_before_its_time(world, fault):
    world.clock.now += HOUR
    world.server.faults = [FAULTS[fault]] * 9
    for _ in range(20):
        with pytest.raises((ServiceError, ClientRejected)) as caught:
            world.token("ann")
        assert caught.value.exit_code == 5
    assert world.server.refreshes == 1
    assert "the next attempt is in 2 s" in caught.value.message
    asked_at = []
    for second in range(60):
        before = world.server.refreshes
        with pytest.raises((ServiceError, ClientRejected)):
            world.token("ann")
        if world.server.refreshes > before:
            asked_at.append(second)
        world.clock.now += 1000
    assert asked_at == [2, 6, 14, 30]


def test_a_client_that_is_set_again_after_many_rejections_is_tried_at_once(world):
    world.clock.now += HOUR
    world.server.faults = [FAULTS["invalid_client"]] * 9
    for attempt in range(9):
        for _ in range(2):
            with pytest.raises(ClientRejected, match="client id and secret"):
                world.token("ann")
        assert world.server.refreshes == attempt + 1
        world.clock.now += 2000
    assert world.token("ann") == "access-3"


def test_the_pause_that_a_service_asks_for_is_kept(world):
    world.clock.now += HOUR
    world.server.faults = [replace(json_response({}, status=429), retry_after="60")]
    for _ in range(30):
        with pytest.raises(ServiceUnreachable):
            world.token("ann")
    assert world.server.refreshes == 1
    world.clock.now += MINUTE
    assert world.token("ann") == "access-3"


def test_nothing_is_remembered_of_a_request_that_was_not_sent(world):
    world.clock.now += HOUR
    world.server.faults = [*NOT_SENT.values()] * 2
    for _ in range(2):
        with pytest.raises(ServiceUnreachable):
            world.token("ann")
    assert world.token("ann") == "access-3"


@pytest.mark.parametrize("fault", FAULTS)
def test_no_request_is_sent_twice_in_one_call_and_the_old_credential_stays(world, fault):
    world.clock.now += HOUR
    world.server.faults = [FAULTS[fault]]
    with pytest.raises((ServiceError, ClientRejected)):
        world.token("ann")
    assert world.server.refreshes == 1
    world.clock.now += MINUTE
    assert world.token("ann") == "access-3"
    assert world.auth.find()[0].login_required is None


@pytest.mark.parametrize("fault", FAULTS)
def test_another_refusal_of_an_expired_token_points_to_the_login(world, fault):
    world.clock.now += HOUR
    world.server.faults = [FAULTS[fault]]
    with pytest.raises((ServiceError, ClientRejected)) as caught:
        world.token("ann")
    marked = world.auth.find()[0].login_required
    assert (marked is not None) is (fault in MEANS_A_LOGIN)
    assert (caught.value.hint == "everyauth login example --user ann") is (fault in MEANS_A_LOGIN)
    if marked is not None:
        assert marked.kind is LoginReason.REFUSED
        assert marked.reported_at is None


@pytest.mark.parametrize("fault", FAULTS)
def test_the_record_knows_whether_a_response_may_have_been_lost(world, fault):
    world.clock.now += HOUR
    world.server.faults = [FAULTS[fault]]
    with pytest.raises((ServiceError, ClientRejected)):
        world.token("ann")
    assert refreshing_since(world) == (world.clock.now if fault in LOST else None)


def test_an_ended_grant_is_remembered_and_nothing_more_is_sent(world):
    world.clock.now += HOUR
    world.server.revoke_all()
    for _ in range(3):
        with pytest.raises(LoginRequired, match="again: example answered invalid_grant") as caught:
            world.token("ann")
        assert caught.value.exit_code == 4
        assert caught.value.hint == "everyauth login example --user ann"
        assert "lost" not in caught.value.message
        world.clock.now += MINUTE
    assert world.server.refreshes == 1
    (identity,) = world.auth.find()
    assert identity.login_required.since == world.clock.now - 3 * MINUTE
    assert "invalid_grant" in identity.login_required.reason
    assert world.store.get(world.key("ann")) is not None


def test_a_new_login_renews_an_ended_grant(world):
    world.clock.now += HOUR
    world.server.revoke_all()
    with pytest.raises(LoginRequired):
        world.token("ann")
    (ended,) = world.auth.find()
    assert world.login(user="ann").id == ended.id
    assert world.auth.find()[0].login_required is None
    world.clock.now += HOUR
    assert world.token("ann") == "access-5"


def test_the_error_says_that_the_response_to_an_earlier_refresh_was_lost(world):
    world.clock.now += HOUR
    world.server.meanwhile = lambda: (_ for _ in ()).throw(ServiceUnreachable("it broke", lost=True))
    with pytest.raises(ServiceUnreachable):
        world.token("ann")
    world.server.meanwhile = lambda: None
    world.clock.now += MINUTE
    with pytest.raises(LoginRequired, match="the response to an earlier refresh was lost"):
        world.token("ann")
    assert "earlier refresh was lost" in world.auth.find()[0].login_required.reason


def test_a_store_that_cannot_be_written_costs_no_refresh_token(world, records):
    world.clock.now += HOUR
    records.fail(*range(1, 100))
    with pytest.raises(StoreUnavailable, match="disk is full"):
        world.token("ann")
    assert world.server.refreshes == 0
    records.fail()
    assert world.token("ann") == "access-3"


def test_a_store_that_stumbles_after_the_answer_is_tried_again(world, records):
    world.clock.now += HOUR
    records.fail(2)
    assert world.token("ann") == "access-3"
    assert records.count == 3
    world.clock.now += HOUR
    assert world.token("ann") == "access-4"
