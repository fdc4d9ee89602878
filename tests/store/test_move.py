"""`everyauth store move`: each record is in one place at a time, and nothing is lost when it is cut off."""

import itertools
import time

import pytest
from peers.sandbox import TOKEN_LIFETIME, sandbox_shell
from peers.secret_service import secret_service

from everyauth_cli.errors import RecordMoved, StoreError, StoreUnavailable, UsageProblem
from everyauth_cli.model import RecordKey, Secret
from everyauth_cli.store.memory import MemoryRecords, memory_store
from everyauth_cli.store.move import check_apart, move, record_keys
from everyauth_cli.store.records import Query

IDENTITY = RecordKey(profile="default", kind="identity", service="example", tenant="acme", user="ann")
CLIENT = RecordKey(profile="work", kind="client", service="example")


@pytest.fixture
def source():
    store = memory_store()
    put(store, IDENTITY, "token")
    put(store, CLIENT, "secret")
    return store


@pytest.fixture
def target():
    store = memory_store()
    store.url = "postgresql://new/place"
    return store


def put(store, key, content, *, number="idn-1", updated_at=1):
    store.save(key, metadata(number, updated_at), Secret({"content": content}), version=None)


def metadata(number="idn-1", updated_at=1):
    return {"id": number, "updated_at": updated_at, "tags": {}, "expires_at": 9, "login_required": None}


def content(store, key=IDENTITY):
    record = store.get(key)
    return record and record.secret.reveal()["content"]


def test_records_are_in_the_new_store_and_the_old_one_names_it(source, target):
    assert list(record_keys(source)) == [CLIENT, IDENTITY]
    for key in list(record_keys(source)):
        move(source, target, key)
        assert target.peek(key) == metadata()
        with pytest.raises(RecordMoved, match="moved to postgresql://new/place") as caught:
            source.get(key)
        assert caught.value.hint == "everyauth store use postgresql://new/place"
    assert (content(target), content(target, CLIENT)) == ("token", "secret")
    assert list(record_keys(source)) == []
    assert list(record_keys(target)) == [CLIENT, IDENTITY]
    assert target.list(Query(IDENTITY, "idn-1"))
    assert not source.list(Query(IDENTITY, "idn-1"))


def test_it_can_be_moved_back(source, target):
    move(source, target, IDENTITY)
    move(target, source, IDENTITY)
    assert content(source) == "token"
    assert list(record_keys(source)) == [CLIENT, IDENTITY]
    with pytest.raises(RecordMoved):
        target.get(IDENTITY)


class Cut(Exception):
    """Where the process ended."""


class Ending(MemoryRecords):
    """Records in memory that end at one call that writes, before or after it is done."""

    def __init__(self, records, calls, at, *, after):
        super().__init__()
        self.records = records
        self._calls, self._at, self._after = calls, at, after

    def save(self, key, name, draft, *, version):
        mine = next(self._calls) == self._at
        if mine and not self._after:
            raise Cut
        saved = super().save(key, name, draft, version=version)
        if mine:
            raise Cut
        return saved


@pytest.mark.parametrize("key", [IDENTITY, CLIENT])
@pytest.mark.parametrize("after", [True, False])
@pytest.mark.parametrize("at", range(2))
def test_cut_off_anywhere_it_is_finished_by_the_next_one(source, target, key, at, after):
    calls = itertools.count()
    whole = source.backend, target.backend
    for store in (source, target):
        store.backend = Ending(store.backend.records, calls, at, after=after)
    with pytest.raises(Cut):
        move(source, target, key)
    source.backend, target.backend = whole
    # At no time is it nowhere.
    try:
        assert content(source, key) is not None
    except RecordMoved:
        assert content(target, key) is not None
    for left in list(record_keys(source)):
        move(source, target, left)
    assert content(target, key) == {IDENTITY: "token", CLIENT: "secret"}[key]
    with pytest.raises(RecordMoved):
        source.get(key)
    assert list(record_keys(source)) == []


@pytest.mark.parametrize(("updated_at", "kept"), [(2, "refreshed there"), (0, "token")])
def test_of_two_copies_of_one_identity_the_newer_is_kept(source, target, updated_at, kept):
    put(target, IDENTITY, "refreshed there", updated_at=updated_at)
    move(source, target, IDENTITY)
    assert content(target) == kept


def test_another_login_in_the_new_store_is_not_overwritten(source, target):
    put(target, IDENTITY, "another", number="idn-2", updated_at=9)
    with pytest.raises(StoreError, match="the new store already has another one"):
        move(source, target, IDENTITY)
    assert (content(source), content(target)) == ("token", "another")


def test_a_store_that_forgets_leaves_the_record_where_it_was(source, target):
    class Forgetful(MemoryRecords):
        def save(self, key, name, draft, *, version):
            return "1"

    target.backend = Forgetful()
    with pytest.raises(StoreError, match="does not give back"):
        move(source, target, IDENTITY)
    assert content(source) == "token"


def test_a_new_store_that_cannot_be_written_leaves_the_record_where_it_was(source, target):
    class Full(MemoryRecords):
        def save(self, key, name, draft, *, version):
            raise StoreUnavailable("full")

    target.backend = Full()
    with pytest.raises(StoreUnavailable):
        move(source, target, IDENTITY)
    assert content(source) == "token"


def test_one_store_under_two_names_is_refused(source, target):
    check_apart(source, target)
    target.backend = source.backend
    with pytest.raises(UsageProblem, match="are one store"):
        check_apart(source, target)
    assert source.list(Query(RecordKey(profile="", kind="move", service=""))) == []


@pytest.fixture
def shell(everyauth, tmp_path):
    """A shell whose credentials are in a real keyring."""
    with secret_service(tmp_path / "service") as service, sandbox_shell(everyauth, registered=False) as shell:
        del shell.env["EVERYAUTH_STORE"], shell.env["EVERYAUTH_KEY"]
        shell.env["DBUS_SESSION_BUS_ADDRESS"] = service.bus_address
        shell.register()
        yield shell


@pytest.mark.slow
def test_from_the_keyring_to_postgresql(shell, postgres):
    url = postgres.new_database()
    for user in ("me", "ann"):
        shell.log_in(user)
    done = shell(f"everyauth store move keyring: {url}")
    assert (done.code, done.out) == (0, "")
    assert f"Clients and identities moved to {url}: 3.\n" in done.err
    assert done.err.endswith(f"everyauth store use {url}\n")
    shell.bad_both("everyauth token pagerduty", 6, "record_moved", url, f"everyauth store use {url}")
    shell.bad_both("everyauth login pagerduty --no-browser", 6, "record_moved", url)
    assert shell.identities() == []
    shell.good(f"everyauth store use {url}")
    shell.clock.tick(TOKEN_LIFETIME + 1)
    for user in ("me", "ann"):
        assert shell.works(shell.token(user))
    assert shell.counts["refresh_reuse"] == 0
    shell.bad(f"everyauth store move {url} {url}", 2, "are one store")


@pytest.mark.slow
def test_killed_again_and_again_it_loses_nothing(shell, postgres):
    url = postgres.new_database()
    users = [f"user-{number}" for number in range(6)]
    for user in users:
        shell.log_in(user)
    for delay in itertools.count(1):
        process = shell.start(f"everyauth store move keyring: {url}")
        time.sleep(0.6 * delay)
        process.kill()
        process.communicate()
        if not shell.identities():
            break
    shell.good(f"everyauth store move keyring: {url}")
    shell.good(f"everyauth store use {url}")
    assert sorted(identity["tags"]["userId"] for identity in shell.identities()) == sorted(users)
    assert all(shell.auth.get_identity("pagerduty", user).access_token for user in users)


def test_a_store_that_is_not_there_is_not_made_to_be_moved(everyauth, tmp_path):
    done = everyauth("store", "move", f"sqlite://{tmp_path}/mistyped.db", f"sqlite://{tmp_path}/other.db")
    assert (done.code, done.out) == (3, "")
    assert "no store at" in done.err
    assert not list(tmp_path.glob("*.db"))
