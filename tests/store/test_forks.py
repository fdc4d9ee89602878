"""State that belongs to one process begins anew in a child of a fork, and keeps no object in memory."""

import gc
import os
import sqlite3
import sys
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor

import pytest

from everyauth_cli.store.forks import begin_anew_in_forks
from everyauth_cli.store.sqlite.changes import Change, Changes, make_changes
from everyauth_cli.transport.deadlines import Deadline, Deadlines

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")


def in_child(check):
    """Return whether a check is true in a child of this process."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            status = 0 if check() else 1
        finally:
            os._exit(status)
    return os.waitpid(child, 0)[1] == 0


def change(number):
    return Change("INSERT INTO t VALUES (?)", (number,), lasting=True)


def commit(changes):
    with sqlite3.connect(":memory:", isolation_level=None) as connection:
        connection.execute("CREATE TABLE t (one INTEGER PRIMARY KEY)")
        make_changes(connection, changes, has_log=False)
    connection.close()


def test_many_threads_of_a_child_make_changes_while_one_of_its_parent_does():
    changes, begun, go_on = Changes(), threading.Event(), threading.Event()

    def commit_slowly(together):
        begun.set()
        assert go_on.wait(60)
        commit(together)

    def all_are_made():
        mine = [change(number) for number in range(20)]
        threads = [threading.Thread(target=changes.make, args=(each, commit), daemon=True) for each in mine]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60 / len(threads))
        return all(each.changed == 1 for each in mine) and not changes.awaited

    with ThreadPoolExecutor(1) as pool:
        parent = pool.submit(changes.make, change(0), commit_slowly)
        assert begun.wait(60)
        assert in_child(all_are_made)
        go_on.set()
        parent.result(60)


def test_a_child_watches_its_own_deadlines():
    deadlines, ended, cut = Deadlines(), threading.Event(), threading.Event()
    deadlines.add(Deadline(30, ended, lambda: None))

    def is_cut():
        deadlines.add(Deadline(0.1, threading.Event(), cut.set))
        return cut.wait(60)

    assert in_child(is_cut)
    ended.set()


def test_an_object_of_one_process_is_kept_by_nobody():
    changes = Changes()
    known = weakref.ref(changes)
    del changes
    gc.collect()
    assert known() is None


def test_each_object_begins_anew_in_each_child_and_never_in_its_parent():
    class Counted:
        times = 0

        def begin_anew(self):
            self.times += 1

    one, two = Counted(), Counted()
    begin_anew_in_forks(one)
    begin_anew_in_forks(two)
    assert in_child(lambda: in_child(lambda: (one.times, two.times) == (2, 2)) and (one.times, two.times) == (1, 1))
    assert (one.times, two.times) == (0, 0)
