"""Deleting an identity: its tokens are revoked where possible, and it is deleted whatever the service answers."""

import threading
from contextlib import contextmanager

import pytest
from peers.endings import BOTH, end, is_deleted, sent
from peers.sandbox import Background
from peers.stores import over
from peers.token_server import ENTRY, HOUR, REVOCABLE, World, json_response

from everyauth_cli.errors import (
    LoginRequired,
    ServiceUnreachable,
    StoreBusy,
    StoreUnavailable,
)
from everyauth_cli.flows.revoke import Revocation
from everyauth_cli.store.memory import MemoryRecords

GRANT = REVOCABLE + 'revocation_ends = "grant"\n'


@pytest.fixture
def world(tmp_path):
    world = World(tmp_path)
    world.entry("example", REVOCABLE)
    return world


def test_the_refresh_token_is_revoked_first_then_the_access_token(world):
    identity = world.login()
    assert end(world) == Revocation(identity=identity, offered=True, revoked=BOTH, not_revoked=[])
    assert world.server.revoked == ["grant-1.refresh-2", "access-2"]
    assert is_deleted(world)


def test_the_tokens_of_the_last_refresh_are_revoked(world):
    world.login()
    world.clock.now += HOUR
    world.token()
    end(world)
    assert world.server.revoked == ["grant-1.refresh-3", "access-3"]


@pytest.mark.parametrize(("age", "revoked"), [(0, BOTH), (HOUR, ["access_token"])])
def test_an_expired_access_token_does_not_end_the_grant(world, age, revoked):
    world.entry("example", GRANT + 'revocable_tokens = ["access_token"]\n')
    world.login()
    world.clock.now += age
    assert end(world).revoked == revoked


def test_an_access_token_alone_is_revoked_alone(world):
    world.server.extra = {"refresh_token": None}
    world.login()
    assert end(world).revoked == ["access_token"]
    assert world.server.revoked == ["access-2"]


def test_a_local_deletion_sends_nothing_and_names_the_tokens_not_revoked(world):
    world.login()
    revocation = end(world, local=True)
    assert (revocation.revoked, revocation.not_revoked, revocation.problem) == ([], BOTH, None)
    assert sent(world) == []
    assert is_deleted(world)


@pytest.mark.parametrize(
    ("extra", "age", "not_revoked"),
    [
        ({}, 0, BOTH),
        ({}, HOUR, ["refresh_token"]),
        ({"refresh_token": None}, 0, ["access_token"]),
        ({"refresh_token": None}, HOUR, []),
        ({"refresh_token": None, "expires_in": None}, 1000 * HOUR, ["access_token"]),
    ],
)
def test_a_service_without_revocation_is_no_failure(world, extra, age, not_revoked):
    world.entry("example", ENTRY)
    world.server.extra = extra
    world.login()
    world.clock.now += age
    revocation = end(world)
    assert (revocation.offered, revocation.not_revoked, revocation.problem) == (False, not_revoked, None)
    assert len(world.server.requests) == 1
    assert is_deleted(world)


def test_a_service_without_revocation_needs_no_client(world):
    world.entry("example", ENTRY)
    world.login()
    world.auth.clients.delete("example")
    assert end(world).problem is None
    assert is_deleted(world)


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (ServiceUnreachable("cannot connect to issuer.example"), "cannot connect"),
        (ServiceUnreachable("issuer.example did not answer", lost=True), "did not answer"),
        (json_response(b"", status=503), "HTTP 503"),
        (json_response(b"", status=429), "HTTP 429"),
        (json_response(b"<html>", content_type="text/html"), "text/html"),
        (json_response({}, status=302), "redirects"),
        (json_response({"error": "invalid_client"}, status=401), "invalid_client"),
    ],
    ids=str,
)
def test_a_failure_is_reported_keeps_no_copy_and_is_not_repeated(world, fault, says):
    world.login()
    world.server.faults = [fault]
    revocation = end(world)
    assert (revocation.revoked, revocation.not_revoked) == ([], BOTH)
    assert says in revocation.problem
    assert sent(world) == ["refresh_token"]
    assert is_deleted(world)


def test_a_token_revoked_before_a_failure_counts(world):
    world.login()
    world.server.meanwhile = lambda: world.server.faults.append(json_response(b"", status=503))
    revocation = end(world)
    assert (revocation.revoked, revocation.not_revoked) == (["refresh_token"], ["access_token"])
    assert "HTTP 503" in revocation.problem


def test_a_refused_revocation_does_not_stop_the_other(world):
    world.login()
    world.server.faults = [json_response({"error": "invalid_request"}, status=400)]
    revocation = end(world)
    assert (revocation.revoked, revocation.not_revoked) == (["access_token"], ["refresh_token"])
    assert "invalid_request" in revocation.problem
    assert is_deleted(world)


@pytest.mark.parametrize("unsupported", BOTH)
def test_a_type_that_the_service_does_not_revoke_is_no_failure(world, unsupported):
    world.login()
    refusal = json_response({"error": "unsupported_token_type"}, status=400)
    if unsupported == "refresh_token":
        world.server.faults = [refusal]
    else:
        world.server.meanwhile = lambda: world.server.faults.append(refusal)
    revocation = end(world)
    assert (revocation.not_revoked, revocation.problem) == ([unsupported], None)
    assert sent(world) == BOTH


def test_where_a_token_ends_the_grant_one_is_enough(world):
    world.entry("example", GRANT)
    world.login()
    assert end(world).revoked == BOTH
    assert sent(world) == ["refresh_token"]


def test_where_a_token_ends_the_grant_the_second_may_do_it(world):
    world.entry("example", GRANT)
    world.login()
    world.server.faults = [json_response({"error": "invalid_request"}, status=400)]
    revocation = end(world)
    assert (revocation.revoked, revocation.problem) == (BOTH, None)


def test_deleting_an_unknown_identity_does_nothing(world):
    assert end(world) == Revocation()
    assert world.server.requests == []


def test_a_failure_is_no_problem_when_all_tokens_have_expired(world):
    world.server.extra = {"refresh_token": None}
    world.login()
    world.clock.now += HOUR
    world.server.faults = [ServiceUnreachable("down")]
    assert end(world).problem is None


def test_interrupts_wait_from_the_first_request_until_it_is_deleted(world):
    events = []

    @contextmanager
    def shield():
        events.append("shielded")
        yield
        events.append("login_required" if is_deleted(world) else "there")

    world.login()
    world.server.meanwhile = lambda: events.append("request")
    world.another(world.store, shield=shield).delete_identity("example", user="me")
    assert events == ["shielded", "request", "request", "login_required"]


def test_a_store_that_cannot_delete_raises_and_the_next_try_deletes(tmp_path):
    class Stubborn(MemoryRecords):
        stuck = True

        def delete(self, key, name):
            if self.stuck:
                raise StoreUnavailable("read-only")
            super().delete(key, name)

    records = Stubborn()
    world = World(tmp_path, store=over(records))
    world.entry("example", REVOCABLE)
    identity = world.login()
    with pytest.raises(StoreUnavailable, match="read-only; example has revoked"):
        end(world)
    assert world.auth.find() == [identity]
    with pytest.raises(StoreUnavailable, match=r"^read-only$"):
        end(world, local=True)
    records.stuck = False
    assert end(world).revoked == BOTH
    assert is_deleted(world)


def test_a_lock_that_times_out_sends_nothing(world):
    class Busy:
        def hold(self, name, *, timeout):
            raise TimeoutError

    world.login()
    busy = over(world.store.backend, locks=Busy())
    with pytest.raises(StoreBusy):
        world.another(busy).delete_identity("example", user="me")
    assert sent(world) == []
    assert world.token() == "access-2"


def test_a_refresh_that_runs_is_waited_for_and_its_tokens_revoked(world):
    world.login()
    world.clock.now += HOUR
    ending = []

    def log_out():
        world.server.meanwhile = lambda: None
        ending.append(Background(end, world))

    world.server.meanwhile = log_out
    assert world.token() == "access-3"
    ending[0].result()
    assert world.server.revoked == ["grant-1.refresh-3", "access-3"]
    assert is_deleted(world)


def test_a_refresh_that_waits_does_not_bring_it_back(world):
    world.login()
    world.clock.now += HOUR
    asking = []

    def ask():
        world.server.meanwhile = lambda: None
        asking.append(Background(world.token))

    world.server.meanwhile = ask
    end(world)
    assert asking[0].result() is None
    assert world.server.refreshes == 0
    assert is_deleted(world)


def test_threads_that_delete_one_identity_revoke_it_once(world):
    world.login()
    barrier = threading.Barrier(4)
    ends = [Background(lambda: (barrier.wait(5), end(world))) for _ in range(4)]
    assert sorted(len(one.result()[1].revoked) for one in ends) == [0, 0, 0, 2]
    assert sent(world) == BOTH


def test_a_grant_that_was_revoked_is_refreshed_by_no_copy(world):
    world.login()
    records = world.store.backend.records
    copy = records[world.key()]
    end(world)
    records[world.key()] = copy
    world.clock.now += HOUR
    with pytest.raises(LoginRequired, match="must log in at example again"):
        world.token()


@pytest.mark.parametrize("replace_account", [True, False])
def test_a_new_login_over_an_old_one_revokes_nothing(world, replace_account):
    world.entry("example", GRANT)
    world.login("alice")
    world.login("bob" if replace_account else "alice", replace_account=replace_account)
    assert [str(request.fields["grant_type"]) for request in world.server.requests] == ["authorization_code"] * 2
    assert world.server.revoked == []
