"""Health checks: tokens refreshed before they expire, and tokens that a service accepts or rejects."""

from dataclasses import replace
from email.utils import formatdate

import pytest
from peers.token_server import ENTRY, HOUR, MINUTE, NOW, World, json_response

from everyauth_cli.errors import ServiceUnreachable
from everyauth_cli.flows.batch import HealthState, Pacing
from everyauth_cli.model import Secret
from everyauth_cli.oauth.retry_after import seconds_until
from everyauth_cli.store.identities import read_identity

ACCOUNT_ENDPOINT = "https://issuer.example/me"
CHECKABLE = ENTRY + f'account_endpoint = "{ACCOUNT_ENDPOINT}"\n'
UNAUTHORIZED = json_response({"error": "invalid_token"}, status=401)
ALICE = json_response({"sub": "alice"})


@pytest.fixture
def world(tmp_path):
    world = World(tmp_path)
    world.server.pages[ACCOUNT_ENDPOINT] = ALICE
    return world


AT_ONCE = Pacing(seconds=0, clock=lambda: 0.0)
"""No time in which a pause that a service demands could pass."""


def refresh(world, within=HOUR, *, identity=None):
    identities = world.auth.find() if identity is None else [identity]
    (outcome,) = world.auth.refresh_all(identities, expiring_within=within, pacing=AT_ONCE)
    return outcome


def check(world):
    (identity,) = world.auth.find()
    return world.auth.check(identity)


@pytest.mark.parametrize(
    ("within", "state"),
    [
        (HOUR, HealthState.REFRESHED),
        (HOUR - 1, HealthState.FRESH),
        (0, HealthState.FRESH),
        (None, HealthState.REFRESHED),
    ],
)
def test_a_token_that_expires_soon_is_refreshed(world, within, state):
    world.login()
    outcome = refresh(world, within)
    assert (outcome.state, outcome.error) == (state, None)
    assert world.server.refreshes == (state is HealthState.REFRESHED)
    assert world.token() == ("access-3" if world.server.refreshes else "access-2")


@pytest.mark.parametrize(
    ("within", "refreshed"), [(HOUR - 1, []), (HOUR, ["ann", "bob"]), (None, ["ann", "bob", "cem"])]
)
def test_of_all_identities_those_are_read_that_are_due(world, within, refreshed):
    for user in ("ann", "bob"):
        world.login(user=user)
    world.clock.now += 1
    world.login(user="cem")
    world.clock.now -= 1
    outcomes = world.auth.refresh_all(expiring_within=within)
    assert sorted((one.identity.user, one.state) for one in outcomes) == [(u, HealthState.REFRESHED) for u in refreshed]
    assert world.auth.refresh_all(expiring_within=0) == []


def test_an_identity_that_needs_a_login_is_due(world):
    world.login()
    world.server.revoke_all()
    assert refresh(world).state is HealthState.LOGIN_REQUIRED
    assert [one.state for one in world.auth.refresh_all(expiring_within=0)] == [HealthState.LOGIN_REQUIRED]


def test_a_token_of_unknown_expiry_is_refreshed_by_the_guess_or_without_a_limit(world):
    world.server.lifetime = None
    world.login()
    assert refresh(world, 10 * MINUTE).state is HealthState.FRESH
    assert refresh(world, HOUR).state is HealthState.REFRESHED
    assert refresh(world, None).state is HealthState.REFRESHED


def test_a_token_that_another_process_refreshed_is_fresh(world):
    (stale,) = [world.login()]
    world.clock.now += HOUR
    world.token()
    assert refresh(world, MINUTE, identity=stale).state is HealthState.FRESH
    assert world.server.refreshes == 1


def test_an_unexpired_token_does_not_pass_for_a_refreshed_one(world):
    world.login()
    world.server.faults = [ServiceUnreachable("down")]
    outcome = refresh(world)
    assert (outcome.state, outcome.exit_code, outcome.retry_after) == (HealthState.FAILED, 5, None)
    assert world.token() == "access-2"


def test_a_rejected_grant_requires_a_login_and_is_not_refreshed_again(world):
    world.login()
    world.server.revoke_all()
    outcome = refresh(world)
    assert (outcome.state, outcome.exit_code) == (HealthState.LOGIN_REQUIRED, 4)
    assert outcome.identity.login_required.reported_at is None
    assert outcome.error.hint == "everyauth login example"
    assert refresh(world, None).state is HealthState.LOGIN_REQUIRED
    assert world.server.refreshes == 1


def test_without_a_refresh_token_expiry_requires_a_login(world):
    world.server.extra = {"refresh_token": None}
    world.login()
    assert refresh(world, None).state is HealthState.NO_REFRESH_TOKEN
    world.clock.now += HOUR
    outcome = refresh(world)
    assert (outcome.state, outcome.exit_code) == (HealthState.LOGIN_REQUIRED, 4)
    assert "has expired, and there is no refresh token" in outcome.error.message
    (marked,) = world.auth.find()
    assert marked.login_required.since == world.clock.now
    assert world.server.refreshes == 0


def test_an_identity_deleted_meanwhile_is_no_failure(world):
    identity = world.login()
    world.auth.delete_identity("example", user="me", local=True)
    for outcome in (refresh(world, None, identity=identity), refresh(world, HOUR, identity=identity)):
        assert (outcome.state, outcome.error) == (HealthState.DELETED, None)


def test_the_outcome_has_the_pause_that_a_service_demands(world):
    world.login()
    world.server.faults = [replace(json_response({}, status=429), retry_after="7")]
    assert refresh(world).retry_after == 7


def test_after_a_pause_all_are_refreshed_once(world):
    for user in ("ann", "bob", "cem"):
        world.login(user=user)
    world.server.faults = [replace(json_response({}, status=503), retry_after="20")] * 2
    world.server.rotates = False
    now = [0.0]

    def sleep(seconds):
        now[0] += seconds
        world.clock.now += int(seconds * 1000)

    pacing = Pacing(seconds=60, clock=lambda: now[0], sleep=sleep)
    seen = []
    outcomes = world.auth.refresh_all(pacing=replace(pacing, on_outcome=seen.append))
    assert seen == outcomes
    assert [one.state for one in outcomes] == [HealthState.REFRESHED] * 3
    assert now[0] >= 20
    assert world.server.refreshes == 5


def test_a_failure_stops_no_other_refresh(world):
    world.entry("second", ENTRY)
    world.auth.clients.set(world.auth.catalogue.get("second"), client_id="id")
    world.login(service="second")
    world.login()
    world.auth.clients.delete("second")
    assert {one.identity.service: (one.state, one.exit_code) for one in world.auth.refresh_all()} == {
        "second": (HealthState.FAILED, 2),
        "example": (HealthState.REFRESHED, 0),
    }


def test_a_service_without_an_account_endpoint_cannot_be_checked(world):
    world.login()
    assert check(world).state is HealthState.NOT_CHECKABLE
    assert len(world.server.requests) == 1


def test_a_token_that_works_is_not_refreshed(world):
    world.entry("example", CHECKABLE)
    world.login()
    assert (check(world).state, world.server.refreshes) == (HealthState.WORKS, 0)
    assert world.server.requests[-1].bearer == Secret("access-2")


def test_a_stale_token_is_refreshed_before_it_is_checked(world):
    world.entry("example", CHECKABLE)
    world.login()
    world.clock.now += HOUR
    assert check(world).state is HealthState.WORKS
    assert world.server.requests[-1].bearer == Secret("access-3")


def test_another_account_is_an_outcome_of_its_own(world):
    world.entry("example", CHECKABLE)
    world.login()
    world.server.pages[ACCOUNT_ENDPOINT] = json_response({"sub": "bob"})
    outcome = check(world)
    assert (outcome.state, outcome.exit_code) == (HealthState.OTHER_ACCOUNT, 4)
    assert "belongs to another account than alice" in outcome.error.message


def test_a_rejected_token_is_refreshed_once_and_works_again(world):
    world.entry("example", CHECKABLE)
    world.login()
    world.clock.now += 2 * MINUTE

    class Once(dict):
        def get(self, url, default=None):
            return ALICE if world.server.refreshes else UNAUTHORIZED

    world.server.pages = Once()
    assert (check(world).state, world.server.refreshes) == (HealthState.WORKS, 1)


@pytest.mark.parametrize(("extra", "refreshes"), [({}, 1), ({"refresh_token": None}, 0)])
def test_a_token_rejected_after_its_refresh_requires_a_login(world, extra, refreshes):
    world.entry("example", CHECKABLE)
    world.server.extra = extra
    world.login()
    world.clock.now += 2 * MINUTE
    world.server.pages[ACCOUNT_ENDPOINT] = UNAUTHORIZED
    outcome = check(world)
    assert (outcome.state, outcome.exit_code, world.server.refreshes) == (HealthState.LOGIN_REQUIRED, 4, refreshes)
    assert "example rejected its access token" in outcome.identity.login_required.reason
    assert read_identity(world.store, world.key()).identity.login_required == outcome.identity.login_required
    with pytest.raises(type(outcome.error), match="must log in at example again"):
        world.token()


def test_a_rejection_proves_nothing_where_the_account_was_never_known(world):
    world.entry("example", CHECKABLE)
    world.server.claims = {"sub": "alice", "email": None}
    world.server.extra = {"id_token": None}
    world.server.pages[ACCOUNT_ENDPOINT] = UNAUTHORIZED
    world.login()
    outcome = check(world)
    assert (outcome.state, outcome.exit_code, outcome.identity.login_required) == (HealthState.FAILED, 5, None)
    assert world.token()


@pytest.mark.parametrize(("status", "retry_after", "rest"), [(403, None, None), (500, None, None), (429, "9", 9)])
def test_an_account_endpoint_that_fails_is_a_failed_check(world, status, retry_after, rest):
    world.entry("example", CHECKABLE)
    world.login()
    world.server.pages[ACCOUNT_ENDPOINT] = replace(json_response({}, status=status), retry_after=retry_after)
    outcome = check(world)
    assert (outcome.state, outcome.exit_code, outcome.retry_after) == (HealthState.FAILED, 5, rest)
    assert outcome.error.message == f"the account endpoint of example answered HTTP {status}"


def test_a_token_of_another_client_is_sent_nowhere(world):
    world.entry("example", CHECKABLE)
    world.login()
    world.auth.clients.set(world.auth.catalogue.get("example"), client_id="other", client_secret=Secret("s"))
    sent = len(world.server.requests)
    assert check(world).exit_code == 4
    assert len(world.server.requests) == sent


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30", 30),
        (" 30 ", 30),
        ("0", 1),
        (formatdate(NOW // 1000 + 90, usegmt=True), 90),
        (formatdate(NOW // 1000 - 90, usegmt=True), 1),
        ("9" * 400, float("inf")),
        ("soon", None),
        ("-5", None),
        ("", None),
    ],
)
def test_a_pause_is_a_number_or_a_date(text, seconds):
    assert seconds_until(text, now=NOW) == seconds
