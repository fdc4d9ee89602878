"""The connections to a SQLite file: kept open, and never to the wrong file or in the wrong process."""

import multiprocessing
import shutil
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from everyauth_cli.errors import StoreError, StoreUnavailable
from everyauth_cli.store.sqlite.file import KEPT_OPEN, SqliteFile

WRITE = (
    "INSERT OR REPLACE INTO everyauth_records (kind, profile, service, tenant, username, version, metadata, sealed)"
    " VALUES ('k', '', '', '', ?, '', '', ?)"
)
READ = "SELECT sealed FROM everyauth_records WHERE username = ?"
NAMES = "SELECT username FROM everyauth_records ORDER BY username"


@pytest.fixture
def file(tmp_path):
    return SqliteFile(tmp_path / "everyauth.db")


def open_files(path):
    """Count the open files of a database in this process."""
    links = Path("/proc/self/fd").iterdir()
    return sum(link.readlink() == path for link in links if link.is_symlink())


def names(file):
    return [name for (name,) in file.run(NAMES)]


def test_a_connection_is_used_again(file):
    for number in range(20):
        file.change(WRITE, (str(number), b"cell"))
    assert open_files(file.path) == 1


def test_processes_that_make_the_file_at_once_do_not_fail(tmp_path):
    fork = multiprocessing.get_context("fork")
    start, failures = fork.Barrier(4), fork.Queue()
    makers = [fork.Process(target=_make_files, args=(tmp_path, name, start, failures)) for name in "abcd"]
    for maker in makers:
        maker.start()
    for maker in makers:
        maker.join(60)
    assert [maker.exitcode for maker in makers] == [0] * 4
    assert failures.empty(), failures.get()
    assert {tuple(names(SqliteFile(path))) for path in tmp_path.glob("*.db")} == {("a", "b", "c", "d")}


def _make_files(directory, name, start, failures):
    for number in range(60):
        start.wait(60)
        try:
            SqliteFile(directory / f"{number}.db").change(WRITE, (name, b"cell"))
        except StoreError as error:
            failures.put(error.message)


def test_the_journal_is_switched_although_another_process_is_in_the_way_for_a_while(file):
    with closing(sqlite3.connect(file.path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("CREATE TABLE other (n)")
        other.execute("BEGIN")
        other.execute("SELECT * FROM other").fetchall()
        later = threading.Timer(0.3, other.execute, ["COMMIT"])
        later.start()
        file.change(WRITE, ("a", b"cell"))
        later.join()
    assert file.run("PRAGMA journal_mode") == [("wal",)]


def test_a_file_that_took_the_place_of_another_is_the_one_that_is_used(file, tmp_path):
    file.change(WRITE, ("before", b"cell"))
    file.path.rename(tmp_path / "moved.db")
    assert names(file) == []
    file.change(WRITE, ("after", b"cell"))
    assert names(file) == ["after"]
    assert names(SqliteFile(tmp_path / "moved.db")) == ["before"]
    assert open_files(tmp_path / "moved.db") == 0


def test_threads_share_a_file_and_few_connections(file):
    failures = []

    def work(number):
        try:
            for write in range(50):
                file.change(WRITE, (f"{number}", str(write).encode()))
                assert file.run(READ, (f"{number}",)) == [(str(write).encode(),)]
        except Exception as error:  # noqa: BLE001 - shown below
            failures.append(error)

    for _ in range(3):
        threads = [threading.Thread(target=work, args=[number]) for number in range(2 * KEPT_OPEN)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert (failures, len(names(file))) == ([], 2 * KEPT_OPEN)
    # SQLite itself keeps a file of a connection that was closed open for the next one while there are others.
    assert open_files(file.path) <= 2 * KEPT_OPEN


def test_what_is_written_in_passing_stands_for_all_and_what_comes_after_it_is_to_last(file):
    file.change(WRITE, ("a", b"passing"), lasting=False)
    assert SqliteFile(file.path).run(READ, ("a",)) == [(b"passing",)]
    assert file.run("PRAGMA synchronous") == [(2,)]
    file.change(WRITE, ("b", b"lasting"))
    # Both are in the file itself, which has all that a copy of it needs.
    copy = file.path.with_name("copy.db")
    copy.write_bytes(file.path.read_bytes())
    assert names(SqliteFile(copy)) == ["a", "b"]


def test_where_there_is_no_write_ahead_log_nothing_is_written_in_passing(tmp_path):
    file = SqliteFile(tmp_path / "everyauth.db", mounts=tmp_path / "none")
    file.change(WRITE, ("a", b"1"))
    during = WRITE.replace("VALUES ('k', '', '', '', ?, '', '', ?)", "SELECT 'k', '', '', '', 'b', '', '', ")
    file.change(f"{during} CAST(synchronous AS BLOB) FROM pragma_synchronous", lasting=False)
    assert file.run(READ, ("b",)) == [(b"2",)]


def test_a_copy_of_the_file_alone_lacks_nothing_that_one_or_many_threads_wrote(file, tmp_path):
    file.change(WRITE, ("alone", b"cell"))
    assert names(SqliteFile(shutil.copy(file.path, tmp_path / "one.db"))) == ["alone"]
    together = [f"{number:02}" for number in range(40)]
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda name: file.change(WRITE, (name, b"cell")), together))
    assert names(SqliteFile(shutil.copy(file.path, tmp_path / "many.db"))) == [*together, "alone"]


def test_a_fork_opens_the_file_for_itself_and_harms_its_parent_in_nothing(file):
    file.change(WRITE, ("parent", b"1"))
    fork = multiprocessing.get_context("fork")
    children = [fork.Process(target=_write_and_exit, args=(file, str(number))) for number in range(4)]
    for child in children:
        child.start()
        file.change(WRITE, ("parent", b"2"))
    for child in children:
        child.join(60)
    assert [child.exitcode for child in children] == [0] * 4
    file.change(WRITE, ("parent", b"3"))
    assert names(file) == ["0", "1", "2", "3", "parent"]
    assert file.run("PRAGMA integrity_check") == [("ok",)]


def _write_and_exit(file, name):
    file.change(WRITE, (name, b"cell"))


def test_a_connection_that_failed_is_not_used_again(file):
    file.change(WRITE, ("a", b"cell"))
    with pytest.raises(StoreUnavailable):
        file.run("SELECT * FROM nowhere")
    assert open_files(file.path) == 0
    assert names(file) == ["a"]


def test_nothing_is_left_open_when_a_file_is_let_go(tmp_path):
    path = tmp_path / "everyauth.db"
    file = SqliteFile(path)
    file.change(WRITE, ("a", b"cell"))
    del file
    assert open_files(path) == 0
    assert [left.name for left in tmp_path.iterdir()] == ["everyauth.db"]


def test_a_file_that_is_damaged_while_it_is_open_is_an_error(file):
    file.change(WRITE, ("a", b"cell" * 5000))
    file.run("PRAGMA wal_checkpoint(TRUNCATE)")
    with file.path.open("r+b") as opened:
        opened.seek(4096)
        opened.write(b"\xff" * 40_000)
    with pytest.raises(StoreError, match="is damaged"):
        SqliteFile(file.path).run("SELECT * FROM everyauth_records")
