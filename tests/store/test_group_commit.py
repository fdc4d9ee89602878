"""What several threads want written at once is one commit, in which nobody suffers for another's fault."""

import os
import signal
import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from everyauth_cli.errors import StoreError, StoreUnavailable
from everyauth_cli.store.group_commit import Change, GroupCommit
from everyauth_cli.store.sqlite import SqliteFile

WRITE = "INSERT OR REPLACE INTO sealed VALUES (?, ?)"


class Disk:
    """Takes its time for the first commit, and writes down what it is given each time."""

    def __init__(self, error=None, bad=()):
        self.commits = []
        self.begun, self.goes_on = threading.Event(), threading.Event()
        self.error, self.bad = error, bad

    def commit(self, changes):
        names = sorted(change.values[0] for change in changes)
        self.commits.append(names)
        self.begun.set()
        self.goes_on.wait(10)
        if self.error and (not self.bad or set(names) & set(self.bad)):
            raise self.error


def at_once(group, disk, names):
    """Write the first, and while it is committed all the others; gives what each of them raised."""
    with ThreadPoolExecutor(len(names)) as pool:
        first = pool.submit(group.write, Change(WRITE, names[:1]), disk.commit)
        assert disk.begun.wait(10)
        others = [pool.submit(group.write, Change(WRITE, [name]), disk.commit) for name in names[1:]]
        until = time.monotonic() + 10
        while len(group._waiting) < len(others) and time.monotonic() < until:
            time.sleep(0.01)
        disk.goes_on.set()
        return [future.exception(timeout=10) for future in (first, *others)]


def test_what_comes_during_a_commit_is_the_next_one():
    group, disk = GroupCommit(), Disk()
    assert at_once(group, disk, "abcdef") == [None] * 6
    assert disk.commits == [["a"], ["b", "c", "d", "e", "f"]]


def test_one_at_fault_fails_alone():
    group, disk = GroupCommit(), Disk(StoreError("refused"), bad="d")
    raised = at_once(group, disk, "abcdef")
    assert [type(error) for error in raised] == [type(None)] * 3 + [StoreError] + [type(None)] * 2
    assert disk.commits[1] == ["b", "c", "d", "e", "f"]
    assert sorted(disk.commits[2:]) == [["b"], ["c"], ["d"], ["e"], ["f"]]


def test_a_disk_that_cannot_be_written_is_not_tried_for_each():
    group, disk = GroupCommit(), Disk(StoreUnavailable("full", hint=""))
    assert all(isinstance(error, StoreUnavailable) for error in at_once(group, disk, "abcd"))
    assert disk.commits == [["a"], ["b", "c", "d"]]


def test_who_is_interrupted_leaves_the_others_their_own():
    group, disk = GroupCommit(), Disk()
    gave_up = []

    def interrupted(changes):
        if not gave_up:
            gave_up.append([change.values[0] for change in changes])
            disk.begun.set()
            disk.goes_on.wait(10)
            raise KeyboardInterrupt
        disk.commit(changes)

    disk.commit, commit = interrupted, disk.commit
    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(group.write, Change(WRITE, ["a"]), disk.commit)
        assert disk.begun.wait(10)
        second = pool.submit(group.write, Change(WRITE, ["b"]), commit)
        disk.goes_on.set()
        assert isinstance(first.exception(10), KeyboardInterrupt)
        assert second.exception(10) is None
    assert (gave_up, disk.commits) == ([["a"]], [["b"]])


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="no thread can be interrupted here")
def test_what_was_given_up_while_it_waited_is_not_written_later():
    group, disk = GroupCommit(), Disk()
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(group.write, Change(WRITE, ["a"]), disk.commit)
        assert disk.begun.wait(10)
        main = threading.main_thread().ident
        interrupt = threading.Timer(0.2, signal.pthread_kill, (main, signal.SIGINT))
        interrupt.start()
        with pytest.raises(KeyboardInterrupt):
            group.write(Change(WRITE, ["given up"]), disk.commit)
        disk.goes_on.set()
        assert first.exception(10) is None
        group.write(Change(WRITE, ["newer"]), disk.commit)
    assert disk.commits == [["a"], ["newer"]]


def test_what_is_written_together_is_written_in_the_order_in_which_it_came():
    group = GroupCommit()
    order = []
    # Of a thread that is not yet at its turn when another, which came later, is.
    group._waiting.append(Change(WRITE, ["earlier"]))
    group.write(Change(WRITE, ["later"]), lambda changes: order.extend(change.values[0] for change in changes))
    assert order == ["earlier", "later"]


def test_a_value_that_cannot_be_written_is_the_fault_of_who_gave_it(tmp_path):
    file = SqliteFile(tmp_path / "everyauth.db")
    file.write(WRITE, ("first", b"cell"))
    with closing(sqlite3.connect(file.path, isolation_level=None)) as other, ThreadPoolExecutor(3) as pool:
        other.execute("BEGIN IMMEDIATE")
        futures = {name: pool.submit(file.write, WRITE, (name, b"cell")) for name in ("good", "\ud800", "better")}
        time.sleep(0.2)
        other.execute("COMMIT")
        failed = {name: type(future.exception(30)) for name, future in futures.items() if future.exception(30)}
    assert failed == {"\ud800": UnicodeEncodeError}
    assert [name for (name,) in file.run("SELECT name FROM sealed ORDER BY name")] == ["better", "first", "good"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks here")
def test_a_fork_waits_for_nobody_of_its_parent():
    group, disk = GroupCommit(), Disk()
    with ThreadPoolExecutor(1) as pool:
        under_way = pool.submit(group.write, Change(WRITE, ["a"]), disk.commit)
        assert disk.begun.wait(10)
        child = os.fork()
        if child == 0:
            group.write(Change(WRITE, ["b"]), lambda _: os._exit(7))
            os._exit(8)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
        disk.goes_on.set()
        assert under_way.result(10) is None


def test_in_a_file_of_sqlite_all_are_kept_but_the_one_that_it_refuses(tmp_path):
    file = SqliteFile(tmp_path / "everyauth.db")
    file.write(WRITE, ("first", b"cell"))
    trigger = "CREATE TRIGGER picky BEFORE INSERT ON sealed WHEN NEW.name = 'bad' BEGIN SELECT RAISE(ABORT, 'no'); END"
    with closing(sqlite3.connect(file.path, isolation_level=None)) as other, ThreadPoolExecutor(9) as pool:
        other.execute(trigger)
        other.execute("BEGIN IMMEDIATE")
        names = [*"abcd", "bad", *"efgh"]
        futures = [pool.submit(file.write, WRITE, (name, b"cell")) for name in names]
        time.sleep(0.2)
        other.execute("COMMIT")
        failed = [name for name, future in zip(names, futures, strict=True) if future.exception(30)]
    assert failed == ["bad"]
    assert sorted(name for (name,) in file.run("SELECT name FROM sealed")) == sorted([*"abcdefgh", "first"])
