"""Other processes during a refresh, and locks that time out: the newer credential stays.

The locks here keep nobody out, as if they were another machine's.
"""

import threading
import time
from contextlib import nullcontext
from dataclasses import replace

import pytest
from peers.stores import over, sealed_store
from peers.token_server import ENTRY, HOUR, MINUTE, REDIRECT_URI, World, json_response

from everyauth_cli.errors import BoundToken, LoginRequired, ServiceError, StoreBusy
from everyauth_cli.model import Secret
from everyauth_cli.store.identities import read_identity, save_identity
from everyauth_cli.store.memory import MemoryRecords
from everyauth_cli.store.records import VersionConflict


class OpenLocks:
    """Locks that let everybody in, or nobody once they are `busy`."""

    busy = False

    def hold(self, name, *, timeout):
        # A refresh waits 20 s for another process, everything else longer than a refresh takes.
        assert timeout in (20, 210)
        if self.busy:
            raise TimeoutError
        return nullcontext()


@pytest.fixture
def locks():
    return OpenLocks()


@pytest.fixture
def world(tmp_path, locks):
    world = World(tmp_path, store=over(MemoryRecords(), locks=locks))
    world.login(user="ann")
    return world


def test_a_newer_token_of_another_process_is_adopted_after_a_refusal(world):
    """As a process without our lock would: it refreshed first, and stores its token only now."""
    world.clock.now += HOUR

    def someone_else():
        world.server.meanwhile = lambda: None
        world.login(user="ann")

    world.server.meanwhile = someone_else
    world.server.faults = [json_response({"error": "invalid_grant"}, status=400)]
    assert world.token("ann") == "access-4"
    assert world.auth.find()[0].login_required is None


def test_an_identity_deleted_meanwhile_is_not_marked(world):
    world.clock.now += HOUR
    world.server.meanwhile = lambda: world.auth.delete_identity("example", user="ann")
    world.server.faults = [json_response({"error": "invalid_grant"}, status=400)]
    with pytest.raises(LoginRequired, match="was deleted"):
        world.token("ann")
    assert world.auth.find() == []


def test_a_credential_newer_than_the_refresh_stays(world):
    """A login by a process that our lock did not keep out."""
    world.clock.now += HOUR

    def log_in():
        world.server.meanwhile = lambda: None
        world.login(user="ann")

    world.server.meanwhile = log_in
    assert world.token("ann") == "access-5"
    assert world.auth.get_identity("example", "ann").access_token == "access-5"
    world.clock.now += HOUR
    assert world.token("ann") == "access-6"


def test_a_bound_token_of_a_login_during_the_refresh_is_not_handed_out(world):
    world.entry("example", ENTRY + 'dpop_signing_alg_values_supported = ["ES256"]\n')
    world.auth = world.another(world.store)
    world.clock.now += HOUR

    def log_in():
        world.server.meanwhile = lambda: None
        world.server.extra = {"token_type": "DPoP"}
        world.login(user="ann", dpop=True)

    world.server.meanwhile = log_in
    with pytest.raises(BoundToken):
        world.token("ann")


def test_an_identity_deleted_during_the_refresh_stays_deleted(world):
    world.clock.now += HOUR
    world.server.meanwhile = lambda: world.auth.delete_identity("example", user="ann")
    with pytest.raises(LoginRequired, match="was deleted"):
        world.token("ann")
    assert world.token("ann") is None
    assert world.auth.find() == []


def test_nothing_is_sent_for_a_record_that_changed_just_before(world):
    """Between our read and our mark, in a process that our lock did not keep out."""

    class Changing(MemoryRecords):
        def save(self, key, name, draft, *, version):
            self.records[key] = self.records[key]._replace(version="another")
            return super().save(key, name, draft, version=version)

    changing = Changing()
    changing.records = world.store.backend.records
    world.clock.now += HOUR
    with pytest.raises(VersionConflict):
        world.another(over(changing, locks=OpenLocks())).get_identity("example", "ann")
    assert world.server.refreshes == 0


def test_a_lock_that_times_out_hands_out_an_unexpired_token_with_a_warning(world, locks):
    locks.busy = True
    assert world.token("ann") == "access-2"
    assert world.warnings == []
    world.clock.now += 59 * MINUTE + 30_000
    assert world.token("ann") == "access-2"
    assert "busy" in world.warnings[0]
    assert world.server.refreshes == 0


@pytest.mark.parametrize("requirement", [{}, {"min_ttl": MINUTE}, {"rejected": Secret("access-2")}], ids=str)
def test_a_lock_that_times_out_raises_when_no_token_meets_the_requirement(world, locks, requirement):
    world.clock.now += 59 * MINUTE + 30_000 if requirement else HOUR
    locks.busy = True
    with pytest.raises(ServiceError, match="busy") as caught:
        world.token("ann", **requirement)
    assert caught.value.exit_code == 5
    assert world.server.refreshes == 0


def test_a_login_whose_lock_times_out_raises(world, locks):
    pending = world.auth.begin("example", user="ann", redirect_uri=REDIRECT_URI)
    grant = world.auth.redeem(pending, [("code", "code-alice"), ("state", pending.state.reveal())])
    locks.busy = True
    with pytest.raises(StoreBusy):
        world.auth.keep(grant)
    assert world.token("ann") == "access-2"


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def hanging(request, tmp_path):
    """A world in which another process has been waiting for the response to a refresh, and holds the lock."""
    if request.param == "memory":
        world = World(tmp_path)
    else:
        url = "sqlite://" if request.param == "sqlite" else request.getfixturevalue("postgres").new_database()
        world = World(tmp_path, store=sealed_store(tmp_path, url))
    world.login()
    world.clock.now += HOUR - MINUTE // 2
    stored = read_identity(world.store, world.key())
    save_identity(world.store, world.key(), replace(stored, refreshing_since=world.clock.now - 20_000))
    with world.store.lock(world.key(), timeout=5):
        yield world


def test_while_another_process_waits_for_a_response_the_living_token_is_handed_out_at_once(hanging):
    began = time.monotonic()
    assert hanging.token() == "access-2"
    assert time.monotonic() - began < 15
    assert "busy" in hanging.warnings[0]
    assert hanging.server.refreshes == 0


def test_a_caller_who_needs_a_longer_lifetime_waits_for_the_other_process(tmp_path):
    world = World(tmp_path)
    world.login()
    world.clock.now += HOUR - MINUTE // 2
    stored = read_identity(world.store, world.key())
    save_identity(world.store, world.key(), replace(stored, refreshing_since=world.clock.now - 19_500))
    tokens = []
    threads = [
        threading.Thread(target=lambda: tokens.append(world.token())),
        threading.Thread(target=lambda: tokens.append(world.token(min_ttl=MINUTE))),
    ]
    with world.store.lock(world.key(), timeout=5):
        for thread in threads:
            thread.start()
            time.sleep(0.1)
        # The first one begins a run that waits for half a second, and the second one joins it.
        threads[0].join(60)
        assert tokens == ["access-2"]
    threads[1].join(60)
    assert tokens == ["access-2", "access-3"]


def test_one_that_another_process_died_of_is_refreshed_at_once(world):
    world.clock.now += HOUR - MINUTE // 2
    stored = read_identity(world.store, world.key("ann"))
    save_identity(world.store, world.key("ann"), replace(stored, refreshing_since=world.clock.now - HOUR))
    assert world.another(over(world.store.backend)).get_identity("example", "ann").access_token == "access-3"
