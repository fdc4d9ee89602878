"""Changes to a SQLite file by many threads at once: one commit for those that wait, and each its own outcome."""

import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from everyauth_cli.store.sqlite.changes import Change, Changes, make_changes

INSERT = "INSERT INTO t VALUES (?)"


@pytest.fixture
def connection():
    with sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False) as connection:
        connection.execute("CREATE TABLE t (one INTEGER PRIMARY KEY)")
        yield connection
    connection.close()


def insert(number):
    return Change(INSERT, (number,), lasting=True)


def rows(connection):
    return [row[0] for row in connection.execute("SELECT one FROM t ORDER BY one")]


def test_those_that_wait_are_made_in_one_commit(connection):
    changes, commits, begun, go_on = Changes(), [], threading.Event(), threading.Event()

    def commit(together):
        begun.set()
        assert go_on.wait(60)
        commits.append(len(together))
        make_changes(connection, together, has_log=False)

    with ThreadPoolExecutor(8) as pool:
        made = [insert(number) for number in range(8)]
        waits = [pool.submit(changes.make, made[0], commit)]
        assert begun.wait(60)
        waits += [pool.submit(changes.make, change, commit) for change in made[1:]]
        end = time.monotonic() + 60
        while len(changes._waiting) < 8 and time.monotonic() < end:
            time.sleep(0.001)
        go_on.set()
        for wait in waits:
            wait.result(60)
    assert commits == [1, 7]
    assert [change.changed for change in made] == [1] * 8
    assert rows(connection) == list(range(8))
    assert not changes.awaited


def test_each_has_its_own_outcome_where_one_fails(connection):
    changes, barrier = Changes(), threading.Barrier(16)

    def make(number):
        barrier.wait(10)
        changes.make(insert(number // 2), lambda together: make_changes(connection, together, has_log=False))

    with ThreadPoolExecutor(16) as pool:
        waits = [pool.submit(make, number) for number in range(16)]
        failures = [type(error) for wait in waits if (error := wait.exception(10))]
    assert rows(connection) == list(range(8))
    assert failures == [sqlite3.IntegrityError] * 8


def test_of_changes_of_which_one_fails_the_first_is_made_alone(connection):
    first, bad, last = insert(1), insert("no number"), insert(2)
    make_changes(connection, [first, bad, last], has_log=False)
    assert [first.changed, bad.changed, last.changed] == [1, None, None]
    assert rows(connection) == [1]


@pytest.mark.parametrize(
    ("has_log", "lasting", "waits_for_the_disk"),
    [(True, [False, False], False), (True, [False, True], True), (True, [True], True), (False, [False], True)],
)
def test_a_commit_with_a_lasting_change_waits_for_the_disk(connection, has_log, lasting, waits_for_the_disk):
    statements = []
    connection.set_trace_callback(statements.append)
    made = [Change(INSERT, (number,), lasting=each) for number, each in enumerate(lasting)]
    make_changes(connection, made, has_log=has_log)
    assert ("PRAGMA synchronous = NORMAL" in statements) is not waits_for_the_disk
    connection.set_trace_callback(None)
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
    assert rows(connection) == [*range(len(lasting))]


@pytest.mark.parametrize("error", [sqlite3.OperationalError("disk I/O error"), KeyboardInterrupt()])
def test_after_a_commit_that_failed_the_next_goes_on_at_once(connection, error):
    changes, begun, go_on = Changes(), threading.Event(), threading.Event()

    def fail(_):
        begun.set()
        assert go_on.wait(60)
        raise error

    with ThreadPoolExecutor(3) as pool:
        failing = pool.submit(changes.make, insert(0), fail)
        assert begun.wait(60)
        waits = [
            pool.submit(changes.make, insert(number), lambda together: make_changes(connection, together, has_log=True))
            for number in (1, 2)
        ]
        go_on.set()
        for wait in waits:
            wait.result(60)
        assert failing.exception(10) is error
    assert rows(connection) == [1, 2]
