"""Locks between threads and between processes: one holder at a time, bounded waits, nothing left behind."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from peers.children import child

from everyauth_cli.errors import StoreUnavailable
from everyauth_cli.model import Secret
from everyauth_cli.store.file_locks import FileLocks, ThreadLocks
from everyauth_cli.store.postgres.claims import Claims
from everyauth_cli.store.postgres.database import PostgresDatabase

HOLD = """
import sys
from pathlib import Path
from everyauth_cli.store.file_locks import FileLocks
with FileLocks(Path(sys.argv[1])).hold("name", timeout=10):
    print("held", flush=True)
    sys.stdin.read()
"""

ADD = """
import sys
from pathlib import Path
from everyauth_cli.store.file_locks import FileLocks
directory, turns = Path(sys.argv[1]), int(sys.argv[2])
number = directory / "number"
for _ in range(turns):
    with FileLocks(directory / "locks").hold("name", timeout=30):
        number.write_text(str(int(number.read_text()) + 1))
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the lock until its input ends."""
    with child(HOLD, tmp_path) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


@pytest.fixture(params=["files", "threads", "claims"])
def locks(request, tmp_path):
    if request.param == "claims":
        url = request.getfixturevalue("postgres").new_database()
        return Claims(PostgresDatabase(Secret(url), shown=url))
    return FileLocks(tmp_path / "locks") if request.param == "files" else ThreadLocks()


def test_a_lock_is_held_once(locks):
    with locks.hold("name", timeout=0):
        with pytest.raises(TimeoutError), locks.hold("name", timeout=0.02):
            pass
        with locks.hold("other", timeout=0):
            pass
    with locks.hold("name", timeout=0):
        pass


def test_a_lock_is_freed_by_an_error(locks):
    with pytest.raises(KeyError), locks.hold("name", timeout=0):
        raise KeyError
    with locks.hold("name", timeout=0):
        pass


@pytest.mark.alone
def test_a_wait_ends_in_time(locks):
    with locks.hold("name", timeout=0):
        started = time.monotonic()
        with pytest.raises(TimeoutError), locks.hold("name", timeout=0.2):
            pass
        assert 0.2 <= time.monotonic() - started < 2


@pytest.mark.alone
def test_who_waits_gets_the_lock_soon_after_it_is_free(locks):
    def wait():
        waiting.set()
        with locks.hold("name", timeout=10):
            got.set()

    waiting, got = threading.Event(), threading.Event()
    thread = threading.Thread(target=wait)
    with locks.hold("name", timeout=0):
        thread.start()
        waiting.wait()
        assert not got.wait(0.1)
    assert got.wait(2)
    thread.join()


def test_many_threads_are_let_in_one_by_one(locks):
    number, inside = 0, 0

    def work():
        nonlocal number, inside
        for _ in range(10):
            with locks.hold("name", timeout=30):
                inside += 1
                assert inside == 1
                before = number
                time.sleep(0)
                number = before + 1
                inside -= 1

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert number == 80


def test_many_processes_are_let_in_one_by_one(tmp_path):
    (tmp_path / "number").write_text("0")
    children = [child(ADD, tmp_path, 25) for _ in range(4)]
    for process in children:
        with process:
            assert process.wait(60) == 0
    assert (tmp_path / "number").read_text() == "100"
    assert list((tmp_path / "locks").iterdir()) == []


def test_another_process_is_waited_for(tmp_path, holder):
    with pytest.raises(TimeoutError), FileLocks(tmp_path).hold("name", timeout=0.05):
        pass
    holder.stdin.close()
    with FileLocks(tmp_path).hold("name", timeout=10):
        pass


def test_a_holder_that_was_killed_holds_nothing(tmp_path, holder):
    holder.kill()
    holder.wait()
    assert len(list(tmp_path.iterdir())) == 1
    with FileLocks(tmp_path).hold("name", timeout=0):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_lock_file_is_private_and_there_only_while_it_is_needed(tmp_path):
    locks = FileLocks(tmp_path / "new" / "locks")
    with locks.hold("a name / with : odd characters", timeout=0):
        (path,) = locks.directory.iterdir()
        assert path.stat().st_mode & 0o777 == 0o600
        assert locks.directory.stat().st_mode & 0o777 == 0o700
    assert list(locks.directory.iterdir()) == []


def test_a_wait_in_vain_takes_no_lock_file_away(tmp_path):
    locks = FileLocks(tmp_path)
    with locks.hold("name", timeout=0):
        for _ in range(2):
            with pytest.raises(TimeoutError), locks.hold("name", timeout=0):
                pass
        assert len(list(tmp_path.iterdir())) == 1


def test_a_file_that_was_opened_before_it_was_removed_is_no_lock(tmp_path):
    class Slow(FileLocks):
        """Stops between opening the file and locking it."""

        def _open(self, path):
            descriptor = super()._open(path)
            opened.set()
            go_on.wait(60)
            return descriptor

    def wait():
        with pytest.raises(TimeoutError), Slow(tmp_path).hold("name", timeout=0.05):
            pass

    opened, go_on = threading.Event(), threading.Event()
    with ThreadPoolExecutor(1) as pool:
        with FileLocks(tmp_path).hold("name", timeout=0):
            waiter = pool.submit(wait)
            assert opened.wait(60)
        with FileLocks(tmp_path).hold("name", timeout=0):
            go_on.set()
            waiter.result(60)


def test_a_child_does_not_inherit_a_lock(tmp_path):
    with FileLocks(tmp_path).hold("name", timeout=0):
        sleeper = child("import sys; sys.stdin.read()")
    with sleeper, FileLocks(tmp_path).hold("name", timeout=0):
        pass


def test_a_directory_that_cannot_be_made_is_an_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StoreUnavailable) as caught, FileLocks(tmp_path / "file" / "locks").hold("name", timeout=0):
        pass
    assert str(tmp_path / "file") in caught.value.message
    assert "EVERYAUTH_HOME" in caught.value.hint
