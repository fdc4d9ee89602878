"""Failed refreshes: a token that has not expired is used, an ended grant is remembered, and no token is lost."""

import pytest
from peers.stores import over
from peers.token_server import HOUR, MINUTE, World, json_response

from everyauth_cli.errors import (
    ClientRejected,
    LoginRequired,
    ServiceError,
    ServiceUnreachable,
    ServiceUnreadable,
    StoreError,
    StoreUnavailable,
)
from everyauth_cli.model import Secret
from everyauth_cli.store.identities import read_identity
from everyauth_cli.store.memory import MemoryRecords

TRANSIENT = {
    "refused": ServiceUnreachable("cannot connect"),
    "lost": ServiceUnreachable("no answer", lost=True),
    "429": json_response({"error": "slow_down"}, status=429),
    "503": json_response(b"<html>", status=503, content_type="text/html"),
}
RAISED = {
    "html": (json_response(b"<html>", content_type="text/html"), ServiceUnreadable),
    "redirect": (json_response(b"", status=302), ServiceUnreadable),
    "no token": (json_response({}), ServiceUnreadable),
    "invalid_request": (json_response({"error": "invalid_request"}, status=400), ServiceError),
    "invalid_client": (json_response({"error": "invalid_client"}, status=401), ClientRejected),
}
LOST = {"lost", "503", "html", "redirect", "no token"}
"""After these the service may have rotated the refresh token all the same."""


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


@pytest.mark.parametrize("fault", TRANSIENT)
def test_an_unexpired_token_is_handed_out_with_a_warning_when_the_service_cannot_be_reached(world, fault):
    world.clock.now += 59 * MINUTE + 30_000
    world.server.faults = [TRANSIENT[fault]]
    assert world.token("ann") == "access-2"
    assert len(world.warnings) == 1
    assert "has not expired" in world.warnings[0]
    assert "access-2" not in world.warnings[0]
    assert world.token("ann") == "access-3"
    assert world.server.refreshes == 2


@pytest.mark.parametrize("fault", TRANSIENT)
@pytest.mark.parametrize("requirement", [{}, {"min_ttl": MINUTE}, {"rejected": Secret("access-2")}], ids=str)
def test_a_token_that_does_not_meet_the_requirement_is_not_handed_out(world, fault, requirement):
    world.clock.now += 59 * MINUTE + 30_000 if requirement else HOUR
    world.server.faults = [TRANSIENT[fault]]
    with pytest.raises(ServiceUnreachable) as caught:
        world.token("ann", **requirement)
    assert caught.value.exit_code == 5
    assert world.warnings == []
    assert world.token("ann") in ("access-2", "access-3")


@pytest.mark.parametrize("fault", [*TRANSIENT, *RAISED])
def test_no_request_is_sent_twice_in_one_call_and_the_old_credential_stays(world, fault):
    world.clock.now += HOUR
    world.server.faults = [TRANSIENT[fault] if fault in TRANSIENT else RAISED[fault][0]]
    with pytest.raises((ServiceError, ClientRejected)):
        world.token("ann")
    assert world.server.refreshes == 1
    assert world.auth.find()[0].login_required is None
    assert world.token("ann") == "access-3"


@pytest.mark.parametrize("fault", RAISED)
def test_another_refusal_is_raised_even_before_the_token_expires(world, fault):
    world.clock.now += 59 * MINUTE + 30_000
    world.server.faults = [RAISED[fault][0]]
    with pytest.raises(RAISED[fault][1]) as caught:
        world.token("ann")
    assert type(caught.value) is RAISED[fault][1]
    assert (caught.value.exit_code == 2) is (fault == "invalid_client")


@pytest.mark.parametrize("fault", [*TRANSIENT, *RAISED])
def test_the_record_is_marked_when_a_response_may_be_lost(world, fault):
    world.clock.now += HOUR
    world.server.faults = [TRANSIENT[fault] if fault in TRANSIENT else RAISED[fault][0]]
    with pytest.raises((ServiceError, ClientRejected)):
        world.token("ann")
    assert refreshing_since(world) == (world.clock.now if fault in LOST else None)


def test_an_ended_grant_is_remembered_and_nothing_more_is_sent(world):
    world.clock.now += HOUR
    world.server.revoke_all()
    for _ in range(3):
        with pytest.raises(
            LoginRequired, match="must log in at example again: example answered invalid_grant"
        ) as caught:
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


def test_a_new_login_removes_the_mark_of_an_ended_grant(world):
    world.clock.now += HOUR
    world.server.revoke_all()
    with pytest.raises(LoginRequired):
        world.token("ann")
    (ended,) = world.auth.find()
    assert world.login(user="ann").id == ended.id
    assert world.auth.find()[0].login_required is None
    world.clock.now += HOUR
    assert world.token("ann") == "access-5"


def test_a_lost_rotation_is_named_in_the_error(world):
    world.clock.now += HOUR
    world.server.meanwhile = lambda: (_ for _ in ()).throw(ServiceUnreachable("it broke", lost=True))
    with pytest.raises(ServiceUnreachable):
        world.token("ann")
    world.server.meanwhile = lambda: None
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


def test_a_failed_write_after_the_response_is_repeated(world, records):
    world.clock.now += HOUR
    records.fail(2)
    assert world.token("ann") == "access-3"
    assert records.count == 3
    world.clock.now += HOUR
    assert world.token("ann") == "access-4"


@pytest.mark.slow
def test_a_store_that_stays_broken_after_the_response_raises_and_the_loss_is_named(world, records):
    world.clock.now += HOUR
    records.fail(*range(2, 100))
    with pytest.raises(StoreError, match="disk is full"):
        world.token("ann")
    assert records.count == 5
    records.fail()
    with pytest.raises(LoginRequired, match="earlier refresh was lost"):
        world.token("ann")
