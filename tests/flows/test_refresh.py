"""Refreshes: a fresh token is handed out, a stale one refreshed, once for all callers."""

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from peers.token_server import ENTRY, HOUR, MINUTE, REDIRECT_URI, World

from everyauth_cli.errors import ClientNotSet, LifetimeTooShort, LoginRequired, RejectedAlthoughNew, ServiceNotFound
from everyauth_cli.flows.refresh import Patience
from everyauth_cli.model import Secret
from everyauth_cli.store.identities import read_identity


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


def test_a_user_who_never_logged_in_has_no_token(world):
    assert world.token() is None
    world.login(user="ann")
    assert world.token() is None
    with pytest.raises(ServiceNotFound):
        world.auth.get_identity("exmple")
    assert world.server.refreshes == 0


def test_a_fresh_token_is_handed_out_without_a_request(world):
    identity = world.login()
    credential = world.auth.get_identity("example")
    assert credential.access_token == "access-2"
    assert (credential.service_id, credential.identity_id) == ("example", identity.id)
    assert credential.tags == {"userId": "me", "tenantId": "me"}
    assert len(world.server.requests) == 1


def test_a_fresh_token_needs_neither_catalogue_nor_client(world):
    world.login()
    world.entry("example", "broken [")
    world.auth.clients.delete("example")
    assert world.token() == "access-2"


@pytest.mark.parametrize(
    ("lifetime", "age", "refreshes"),
    [
        (3600, 3539_999, 0),
        (3600, 3540_000, 1),
        (3600, 3600_000, 1),
        (3600, 10_000_000, 1),
        (30, 26_999, 0),
        (30, 27_000, 1),
        (600, 539_999, 0),
        (600, 540_000, 1),
        # A tenth of a guess of an hour.
        (0, 53 * MINUTE, 0),
        (None, 54 * MINUTE, 1),
    ],
)
def test_a_token_is_refreshed_a_minute_or_a_tenth_of_its_lifetime_before_it_expires(world, lifetime, age, refreshes):
    world.server.lifetime = lifetime
    world.login()
    world.clock.now += age
    world.token()
    assert world.server.refreshes == refreshes


@pytest.mark.parametrize(
    ("min_ttl", "age", "refreshes"),
    [
        (10 * MINUTE, 49 * MINUTE, 0),
        (10 * MINUTE, 50 * MINUTE, 1),
        (1, 59 * MINUTE - 1, 0),
        (1, 59 * MINUTE, 1),
        (59 * MINUTE, 0, 0),
        (59 * MINUTE, MINUTE, 1),
    ],
)
def test_a_token_lives_as_long_as_required(world, min_ttl, age, refreshes):
    world.login()
    world.clock.now += age
    token = world.token(min_ttl=min_ttl)
    assert world.server.refreshes == refreshes
    assert token == ("access-3" if refreshes else "access-2")


def test_a_token_without_expiry_meets_any_min_ttl(world):
    world.server.lifetime = None
    world.login()
    assert world.token(min_ttl=1000 * HOUR) == "access-2"
    assert "expires_at" not in world.auth.get_identity("example").native


@pytest.mark.parametrize("min_ttl", [60 * MINUTE, 61 * MINUTE, 24 * HOUR])
def test_a_lifetime_that_the_service_never_issues_causes_no_request(world, min_ttl):
    world.login()
    world.clock.now += 1
    with pytest.raises(LifetimeTooShort, match="3600 s") as caught:
        world.token(min_ttl=min_ttl)
    assert caught.value.exit_code == 5
    assert world.server.refreshes == 0


def test_a_lifetime_that_turns_out_too_short_raises_and_the_new_token_is_stored(world):
    world.login()
    world.clock.now += 50 * MINUTE
    world.server.lifetime = 60
    with pytest.raises(LifetimeTooShort):
        world.token(min_ttl=20 * MINUTE)
    assert world.server.refreshes == 1
    assert world.token() == "access-3"
    assert world.server.refreshes == 1


def test_a_rejected_token_is_replaced_once(world):
    world.login()
    world.clock.now += 2 * MINUTE
    assert world.token(rejected=Secret("access-2")) == "access-3"
    assert world.token(rejected=Secret("access-2")) == "access-3"
    assert world.token(rejected=Secret("never seen")) == "access-3"
    assert world.server.refreshes == 1


def test_a_rejected_token_without_expiry_is_replaced_too(world):
    world.server.lifetime = None
    world.login()
    world.clock.now += 2 * MINUTE
    assert world.token(rejected=Secret("access-2")) == "access-3"


def test_a_refresh_keeps_the_identity_and_updates_its_token(world):
    before = world.login(tags={"plan": "gold"})
    world.clock.now += HOUR
    world.server.extra = {"scope": "less"}
    credential = world.auth.get_identity("example")
    (after,) = world.auth.find()
    assert (after.id, after.created_at, after.account) == (before.id, before.created_at, before.account)
    assert (after.updated_at, after.expires_at) == (world.clock.now, world.clock.now + HOUR)
    assert after.scope == "less"
    assert credential.identity_id == before.id
    assert credential.tags["plan"] == "gold"
    assert credential.native["timestamp"] == world.clock.now


def test_rotated_refresh_tokens_are_stored_one_after_the_other(world):
    world.login()
    tokens = set()
    for _ in range(5):
        world.clock.now += HOUR
        tokens.add(world.token())
    assert len(tokens) == world.server.refreshes == 5


def test_a_refresh_token_that_is_not_rotated_stays_in_use(world):
    world.server.rotates = False
    world.login()
    for _ in range(3):
        world.clock.now += HOUR
        world.token()
    assert world.server.refreshes == 3


def test_the_refresh_request_is_that_of_rfc_6749_section_6(world):
    world.login()
    world.clock.now += HOUR
    world.token()
    request = world.server.requests[-1]
    fields = {k: v.reveal() if isinstance(v, Secret) else v for k, v in request.fields.items()}
    assert fields == {
        "grant_type": "refresh_token",
        "refresh_token": "grant-1.refresh-2",
        "client_id": "id",
        "client_secret": "s",
    }


def test_the_redirect_uri_of_the_login_is_repeated_where_the_service_wants_it(world):
    world.entry("example", ENTRY + "refresh_redirect_uri = true\n")
    world.login()
    world.clock.now += HOUR
    assert world.token()
    assert world.server.requests[-1].fields["redirect_uri"] == REDIRECT_URI


def test_the_record_is_marked_while_a_refresh_runs(world):
    seen = []
    world.login()
    world.clock.now += HOUR
    world.server.meanwhile = lambda: seen.append(read_identity(world.store, world.key()).refreshing_since)
    world.token()
    assert seen == [world.clock.now]
    assert read_identity(world.store, world.key()).refreshing_since is None


def test_a_refresh_token_is_in_no_credential_and_no_metadata(world):
    world.server.extra = {"deep": [{"refresh_token": "grant-1.refresh-other"}]}
    world.login()
    for _ in range(2):
        shown = json.dumps(world.auth.get_identity("example").as_json()) + repr(world.auth.find())
        shown += json.dumps(world.store.peek(world.key()))
        assert "refresh-" not in shown
        assert "refresh_token" not in shown
        world.clock.now += HOUR
    assert "access-" not in json.dumps(world.store.peek(world.key()))


def test_eight_threads_get_one_token_from_one_refresh(world):
    world.login()
    world.clock.now += HOUR
    barrier = threading.Barrier(8)

    def ask(_):
        barrier.wait(5)
        return world.token()

    with ThreadPoolExecutor(8) as pool:
        tokens = set(pool.map(ask, range(8)))
    assert tokens == {"access-3"}
    assert world.server.refreshes == 1


def test_a_token_that_is_rejected_although_it_is_new_is_not_replaced(world):
    world.login()
    world.clock.now += 1
    assert world.token(rejected=Secret("access-2")) == "access-3"
    world.clock.now += MINUTE - 1
    for _ in range(3):
        with pytest.raises(RejectedAlthoughNew, match="rejected although example has just issued it; check its scopes"):
            world.token(rejected=Secret("access-3"))
    assert world.server.refreshes == 1
    assert world.token() == "access-3"
    assert world.auth.find()[0].login_required is None
    world.clock.now += 1
    assert world.token(rejected=Secret("access-3")) == "access-4"


def test_eight_callers_with_one_rejected_token_cause_one_refresh(world):
    world.login()
    world.clock.now += 2 * MINUTE
    with ThreadPoolExecutor(8) as pool:
        tokens = set(pool.map(lambda _: world.token(rejected=Secret("access-2")), range(8)))
    assert tokens == {"access-3"}
    assert world.server.refreshes == 1


def test_identities_are_refreshed_apart(world):
    world.login("alice", user="a")
    world.login("bob", user="b")
    world.clock.now += HOUR
    together = threading.Barrier(2)
    world.server.meanwhile = lambda: together.wait(60)
    with ThreadPoolExecutor(2) as pool:
        tokens = set(pool.map(world.token, "ab"))
    assert len(tokens) == 2


@pytest.mark.parametrize("change", ["client", "endpoint"])
def test_a_grant_for_another_client_or_endpoint_is_not_sent_anywhere(world, change):
    world.login(user="ann")
    world.clock.now += HOUR
    if change == "client":
        world.auth.clients.set(world.auth.catalogue.get("example"), client_id="other")
    else:
        world.entry("example", ENTRY.replace("/token", ":8443/token"))
        world.auth.clients.set(world.auth.catalogue.get("example"), client_secret=Secret("s"))
    with pytest.raises(LoginRequired, match="nothing was sent") as caught:
        world.token("ann")
    assert caught.value.exit_code == 4
    assert caught.value.hint == "everyauth login example --user ann"
    assert world.server.refreshes == 0
    assert world.login(user="ann").login_required is None
    assert world.token("ann") == "access-4"


def test_a_changed_secret_or_scope_changes_no_grant(world):
    world.login()
    world.clock.now += HOUR
    world.auth.clients.set(world.auth.catalogue.get("example"), client_secret=Secret("new"), scope="more")
    assert world.token() == "access-3"
    assert world.server.requests[-1].fields["client_secret"] == Secret("new")


def test_a_removed_client_raises_before_anything_is_sent(world):
    world.login()
    world.clock.now += HOUR
    world.auth.clients.delete("example")
    with pytest.raises(ClientNotSet):
        world.token()
    assert world.server.refreshes == 0


def test_without_a_refresh_token_the_login_command_is_the_hint(world):
    world.server.extra = {"refresh_token": None}
    world.login(user="ann", tenant="acme corp")
    world.clock.now += HOUR
    with pytest.raises(LoginRequired, match="has expired") as caught:
        world.token("ann")
    assert caught.value.hint == "everyauth login example --user ann --tenant 'acme corp'"
    with pytest.raises(LoginRequired, match="rejected the access token"):
        world.token("ann", rejected=Secret("access-2"))
    assert world.server.refreshes == 0


@pytest.mark.alone
def test_an_endpoint_that_hangs_holds_up_the_first_caller_alone_while_the_token_lives(world):
    world.login()
    world.clock.now += HOUR - 30_000
    free = threading.Event()
    world.server.meanwhile = lambda: free.wait(60)
    auth = world.another(world.store, patience=Patience(seconds=1))
    try:
        for at_most in (5, 0.5, 0.5):
            began = time.monotonic()
            assert auth.get_identity("example").access_token == "access-2"
            assert time.monotonic() - began < at_most
    finally:
        free.set()
    assert world.server.refreshes == 1
    deadline = time.monotonic() + 60
    while auth.get_identity("example").access_token != "access-3" and time.monotonic() < deadline:
        time.sleep(0.01)
    assert auth.get_identity("example").access_token == "access-3"
    assert world.server.refreshes == 1
