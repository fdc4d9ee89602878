"""Locks in PostgreSQL: renewed while they are held, gone with who was killed, and lost without harm."""

import signal
import threading
import time

import pytest
from peers import postgres as peer
from peers.children import child
from peers.stores import sealed_store

from everyauth_cli.errors import StoreUnavailable
from everyauth_cli.model import RecordKey, Secret
from everyauth_cli.store.postgres.claims import Claims, has_ended, new_owner
from everyauth_cli.store.postgres.database import PostgresDatabase
from everyauth_cli.store.records import VersionConflict

pytestmark = pytest.mark.slow

KEY = RecordKey(profile="default", kind="identity", service="example", tenant="acme", user="ann")
SECONDS = 1.0

HOLD = """
import sys
from everyauth_cli.model import Secret
from everyauth_cli.store.postgres.claims import Claims
from everyauth_cli.store.postgres.database import PostgresDatabase
with Claims(PostgresDatabase(Secret(sys.argv[1]), shown=""), seconds=1.0).hold("name", timeout=10):
    print("held", flush=True)
    sys.stdin.read()
"""
ADD = """
import sys
from pathlib import Path
from everyauth_cli.model import Secret
from everyauth_cli.store.postgres.claims import Claims
from everyauth_cli.store.postgres.database import PostgresDatabase
locks, number = Claims(PostgresDatabase(Secret(sys.argv[1]), shown="")), Path(sys.argv[2])
for _ in range(10):
    with locks.hold("name", timeout=60):
        number.write_text(str(int(number.read_text()) + 1))
"""


def claims(url):
    return Claims(PostgresDatabase(Secret(url), shown=url), seconds=SECONDS)


@pytest.fixture
def url(postgres):
    return postgres.new_database()


@pytest.fixture
def holder(url):
    """Another process that holds the lock until its input ends."""
    with child(HOLD, url) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_lease_is_renewed_as_long_as_it_is_held(url, holder):
    started = time.monotonic()
    with pytest.raises(TimeoutError), claims(url).hold("name", timeout=2 * SECONDS):
        pass
    assert time.monotonic() - started >= 2 * SECONDS
    holder.stdin.close()
    with claims(url).hold("name", timeout=SECONDS / 2):
        pass


def test_a_holder_on_this_machine_that_was_killed_is_not_waited_for(url, holder):
    holder.kill()
    with Claims(PostgresDatabase(Secret(url), shown=url)).hold("name", timeout=0.5):
        pass


def test_a_holder_on_another_machine_is_waited_for_no_longer_than_its_claim(postgres, url, holder):
    holder.kill()
    postgres.sql("UPDATE everyauth_claims SET owner = 'elsewhere/1 ' || substr(owner, strpos(owner, ' ') + 1)", url)
    with pytest.raises(TimeoutError), claims(url).hold("name", timeout=0):
        pass
    with claims(url).hold("name", timeout=3 * SECONDS):
        pass


def test_a_process_whose_number_was_given_again_has_ended():
    owner = new_owner()
    machine, pid, started, nonce = owner.split(" ")
    assert not has_ended(owner)
    assert has_ended(f"{machine} {pid} {int(started) + 1} {nonce}")
    assert not has_ended(f"elsewhere {pid} 1 {nonce}")
    assert not has_ended(f"{machine} 1 - {nonce}")
    assert not has_ended("nonsense")


def test_no_row_stays_behind(postgres, url):
    with claims(url).hold("name", timeout=0):
        assert postgres.sql("SELECT name FROM everyauth_claims", url) == "name"
    assert postgres.sql("SELECT count(*) FROM everyauth_claims", url) == "0"


def test_no_transaction_and_no_statement_is_open_while_a_lease_is_held(postgres, url):
    with claims(url).hold("name", timeout=0):
        states = postgres.sql(
            f"SELECT state FROM pg_stat_activity WHERE datname = '{url.rpartition('/')[2]}'"
            " AND application_name = 'everyauth'"
        )
        assert set(states.split("\n")) == {"idle"}


def test_many_processes_are_let_in_one_by_one(tmp_path, url):
    number = tmp_path / "number"
    number.write_text("0")
    children = [child(ADD, url, number) for _ in range(8)]
    for process in children:
        with process:
            assert process.wait(60) == 0
    assert number.read_text() == "80"


def test_who_lost_a_lease_frees_it_for_nobody_and_overwrites_nothing(postgres, url, tmp_path):
    store = sealed_store(tmp_path, url)
    before = store.save(KEY, {"n": 1}, Secret({"content": "old"}), version=None)
    with claims(url).hold(store.name(KEY), timeout=0):
        # As if this process had been stopped for longer than its claim, and another had taken it.
        postgres.sql("UPDATE everyauth_claims SET owner = 'another', deadline = now() + interval '1 hour'", url)
        store.save(KEY, {"n": 2}, Secret({"content": "newer"}), version=before)
        with pytest.raises(VersionConflict):
            store.save(KEY, {"n": 3}, Secret({"content": "late"}), version=before)
        time.sleep(SECONDS)
    assert store.peek(KEY) == {"n": 2}
    assert (
        postgres.sql("SELECT owner FROM everyauth_claims WHERE deadline > now() + interval '50 min'", url) == "another"
    )


def test_a_stopped_holder_loses_its_lease_and_gets_the_lock_anew(url, holder):
    holder.send_signal(signal.SIGSTOP)
    with claims(url).hold("name", timeout=3 * SECONDS):
        holder.send_signal(signal.SIGCONT)
        holder.stdin.close()
        assert holder.wait(60) == 0
        with pytest.raises(TimeoutError), claims(url).hold("name", timeout=0):
            pass


def test_a_server_that_is_away_for_a_moment_takes_no_lease():
    with peer.running() as server:
        url = server.new_database()
        locks = Claims(PostgresDatabase(Secret(url), shown=url), seconds=6)
        with locks.hold("name", timeout=0):
            server.stop()
            with pytest.raises(StoreUnavailable), claims(url).hold("name", timeout=0):
                pass
            server.start()
            with pytest.raises(TimeoutError), claims(url).hold("name", timeout=0):
                pass
        with claims(url).hold("name", timeout=0):
            pass


def test_a_lease_that_cannot_be_given_back_does_not_undo_what_was_done():
    with peer.running() as server:
        url = server.new_database()
        with claims(url).hold("name", timeout=0):
            server.stop()


def test_threads_end_with_their_claims(url):
    with claims(url).hold("name", timeout=0):
        pass
    assert [thread for thread in threading.enumerate() if "_renew" in thread.name] == []
