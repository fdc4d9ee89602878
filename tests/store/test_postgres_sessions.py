"""Sessions with a PostgreSQL server: few, bounded in time, and left when they lead nowhere."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from peers import postgres as peer

from everyauth_cli.errors import StoreError, StoreUnavailable
from everyauth_cli.model import RecordKey, Secret
from everyauth_cli.store.postgres.database import MOST_OPEN, PostgresDatabase
from everyauth_cli.store.shown_url import shown_url
from everyauth_cli.store.table import RecordTable, Row

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).resolve().parents[2]
KEY = RecordKey(profile="default", kind="identity", service="example", tenant="acme", user="ann")


def database(url, seconds=10.0, **more):
    return PostgresDatabase(Secret(url), shown=shown_url(url), statement_seconds=seconds, **more)


def table(url, seconds=10.0):
    return RecordTable(database(url, seconds))


def put(table, n, key=KEY):
    table.replace(key, Row(json.dumps({"n": n}), None, "1", None))


def peek(table, key=KEY):
    found = table.peek(key)
    return found and json.loads(found)


@pytest.fixture
def url(postgres):
    return postgres.new_database()


@pytest.fixture
def other():
    """A server that a test may stop or freeze."""
    with peer.running() as server:
        yield server


@pytest.mark.alone
def test_a_write_that_was_not_answered_in_time_is_not_made_later(postgres, url):
    kept = table(url, seconds=1)
    put(kept, 1)
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    with psycopg.connect(url) as other:
        other.execute("LOCK TABLE everyauth_records")
        with pytest.raises(StoreUnavailable, match="did not answer within 1 s"):
            put(kept, 2)
        assert postgres.sql(waiting, url) == "0"
    assert peek(kept) == {"n": 1}


@pytest.mark.alone
def test_after_a_time_out_no_connection_of_before_is_used(postgres, url):
    used = database(url, seconds=1)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: used.run("SELECT pg_sleep(0.2)"), range(4)))
    with pytest.raises(StoreUnavailable, match=r"did not answer within 0\.1 s"):
        used.run("SELECT pg_sleep(5)", seconds=0.1)
    ours = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'everyauth' AND datname = current_database()"
    until = time.monotonic() + 60
    while (left := postgres.sql(ours, url)) != "0" and time.monotonic() < until:
        time.sleep(0.1)
    assert left == "0"
    assert used.run("SELECT 1") == [(1,)]


@pytest.mark.parametrize("how", ["terminated", "read-only"])
def test_sessions_that_lead_to_an_old_primary_are_left_and_the_statement_is_run_again(postgres, url, how):
    used = database(url)
    kept = RecordTable(used)
    put(kept, 1)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: used.run("SELECT pg_sleep(0.2)"), range(4)))
    if how == "terminated":
        others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'everyauth'"
        postgres.sql(f"{others} AND datname = current_database()", url)
    else:
        for session in used._idle:
            session.execute("SET default_transaction_read_only = on")
    put(kept, 2)
    assert peek(kept) == {"n": 2}
    assert len(used._idle) == 1


@pytest.mark.parametrize("state", ["serialization_failure", "deadlock_detected"])
def test_a_statement_that_others_were_in_the_way_of_is_run_again(postgres, url, state):
    kept = table(url)
    put(kept, 1)
    postgres.sql(
        "CREATE SEQUENCE attempts; CREATE FUNCTION in_the_way() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        f" IF nextval('attempts') < 3 THEN RAISE 'in the way' USING ERRCODE = '{state}'; END IF; RETURN NEW; END $$;"
        " CREATE TRIGGER in_the_way BEFORE UPDATE ON everyauth_records FOR EACH ROW EXECUTE FUNCTION in_the_way()",
        url,
    )
    put(kept, 2)
    assert peek(kept) == {"n": 2}


OURS = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'everyauth' AND datname = current_database()"


def test_threads_share_a_few_connections_and_wait_for_them(postgres, url):
    shared = table(url)

    def work(number):
        put(shared, number, KEY._replace(user=str(number)))
        shared.database.run("SELECT pg_sleep(0.02)")

    with ThreadPoolExecutor(32) as pool:
        working = pool.map(work, range(128))
        most = [int(postgres.sql(OURS, url)) for _ in range(5)]
        list(working)
    assert max(most) <= MOST_OPEN
    assert postgres.sql("SELECT count(*) FROM everyauth_records", url) == "128"


@pytest.mark.alone
def test_a_thread_that_gets_no_connection_in_time_says_so(url):
    used = database(url, seconds=0.5)
    used.run("SELECT 1")
    with ThreadPoolExecutor(MOST_OPEN) as pool:
        busy = [pool.submit(used.run, "SELECT pg_sleep(1.5)", seconds=5) for _ in range(MOST_OPEN)]
        time.sleep(0.5)
        with pytest.raises(StoreUnavailable, match="did not answer"):
            used.run("SELECT 1")
        assert len([one.result() for one in busy]) == MOST_OPEN


@pytest.mark.alone
def test_a_server_that_takes_no_more_connections_is_waited_for(postgres, url):
    name = url.rpartition("/")[2]
    put(table(url), 1)
    postgres.sql(f"CREATE ROLE few_{name} LOGIN SUPERUSER")
    postgres.sql(f"ALTER ROLE few_{name} NOSUPERUSER CONNECTION LIMIT 1")
    postgres.sql(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO few_{name}", url)
    few = url.replace("everyauth@", f"few_{name}@")
    with psycopg.connect(few) as first:
        later = threading.Timer(0.7, first.close)
        later.start()
        assert peek(table(few)) == {"n": 1}
        later.join()


def test_statements_are_prepared_unless_a_pooler_stands_between(postgres, url):
    used = database(url)
    kept = RecordTable(used)
    put(kept, 1)
    prepared = "SELECT count(*) FROM pg_prepared_statements WHERE NOT from_sql"
    for _ in range(10):
        assert peek(kept) == {"n": 1}
    assert used.run(prepared)[0][0] > 0
    # A pooler gives each transaction another connection to the server.
    used.run("DO $$ BEGIN EXECUTE 'DEALLOCATE ALL'; END $$")
    for _ in range(10):
        assert peek(kept) == {"n": 1}
    assert used.run(prepared)[0][0] == 0


@pytest.mark.parametrize(
    ("options", "warned"),
    [
        ("@127.0.0.1:{port}/{name}", False),
        ("@127.0.0.1:{port}/{name}?sslmode=prefer", False),
        ("@db.example.com/x?connect_timeout=1&hostaddr=127.0.0.1&port={port}", True),
        ("@db.example.com/x?connect_timeout=1&hostaddr=127.0.0.1&port={port}&sslmode=require", True),
        ("@db.example.com/x?connect_timeout=1&hostaddr=127.0.0.1&port={port}&sslmode=verify-full", False),
        ("@/x?host=/nowhere", False),
    ],
)
def test_a_server_elsewhere_that_is_not_verified_is_warned_of_once(postgres, url, options, warned):
    warnings = []
    place = options.format(port=postgres.port, name=url.rpartition("/")[2])
    used = database(f"postgresql://everyauth{place}", warn=warnings.append)
    for _ in range(2):
        with contextlib.suppress(StoreError):
            used.run("SELECT 1")
    assert len(warnings) == warned
    assert all("sslmode=verify-full" in warning for warning in warnings)


@pytest.mark.alone
def test_a_call_that_is_interrupted_leaves_no_answer_behind_for_the_next(postgres, url):
    used = database(url)
    used.run("SELECT 1")
    timer = threading.Timer(0.3, os.kill, [os.getpid(), signal.SIGINT])
    timer.start()
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        used.run("SELECT pg_sleep(5)")
    assert time.monotonic() - started < 3
    assert used.run("SELECT 7") == [(7,)]


def test_connections_end_with_the_store(postgres, url):
    connected = f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{url.rpartition('/')[2]}'"
    used = table(url)
    put(used, 1)
    assert postgres.sql(connected) == "1"
    del used
    until = time.monotonic() + 60
    while postgres.sql(connected) != "0":
        assert time.monotonic() < until


FORK = """
import os, sys
from everyauth_cli.model import Secret
from everyauth_cli.store.postgres.database import PostgresDatabase
database = PostgresDatabase(Secret(sys.argv[1]), shown="")
mine = database.run("SELECT pg_backend_pid()")
children = []
for _ in range(4):
    child = os.fork()
    if not child:
        theirs = [database.run("SELECT pg_backend_pid()") for _ in range(20)]
        assert theirs == [theirs[0]] * 20 != [mine] * 20
        sys.exit()
    children.append(child)
assert [os.waitpid(child, 0)[1] for child in children] == [0] * 4
assert database.run("SELECT pg_backend_pid()") == mine
"""


def test_a_fork_takes_a_connection_of_its_own_and_leaves_its_parents_alone(url):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", FORK, url], cwd=REPOSITORY, capture_output=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_server_that_went_away_is_an_error_and_used_again_when_it_is_back(other):
    kept = table(other.new_database())
    put(kept, 1)
    other.stop()
    with pytest.raises(StoreUnavailable, match="cannot be used") as caught:
        peek(kept)
    assert "see that the server runs" in caught.value.hint
    other.start()
    put(kept, 2)
    other.stop()
    other.start()
    assert peek(kept) == {"n": 2}


@pytest.mark.alone
def test_a_server_that_does_not_answer_is_given_up_in_time(other):
    url = other.new_database() + "?connect_timeout=2"
    open_before, new = table(url, 0.5), table(url, 0.5)
    put(open_before, 1)
    with other.frozen():
        for kept, says in ((open_before, "did not answer within 0.5 s"), (new, "cannot be used")):
            started = time.monotonic()
            with pytest.raises(StoreUnavailable, match=says):
                peek(kept)
            assert time.monotonic() - started < 4
    assert peek(open_before) == peek(new) == {"n": 1}
