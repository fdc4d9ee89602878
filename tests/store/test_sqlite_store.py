"""The SQLite store: private, whole records whatever happens, and told apart when it is damaged or out of reach."""

import os
import random
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
from peers.stores import in_file, sealed_store

from everyauth_cli.errors import StoreError, StoreUnavailable
from everyauth_cli.model import RecordKey, Secret
from everyauth_cli.store.records import Query
from everyauth_cli.store.sqlite.file import SqliteFile
from everyauth_cli.store.table import due_listing, listing

KEY = RecordKey(profile="default", kind="identity", service="example", tenant="acme", user="ann")
ALL = Query(RecordKey(profile="", kind="identity", service=""))
WRITE = """
import sys
sys.path[:0] = ["tests"]
from pathlib import Path
from peers.stores import sealed_store
from everyauth_cli.model import RecordKey, Secret
store, writer, count = sealed_store(Path(sys.argv[1])), sys.argv[2], int(sys.argv[3])
key, version = RecordKey(profile="default", kind="identity", service="example", user=writer), None
for number in range(count):
    version = store.save(key, {"number": number}, Secret({"content": [number] * 300}), version=version)
    record = store.get(key)
    assert (record.metadata, record.secret) == ({"number": number}, Secret({"content": [number] * 300}))
"""


def writer(directory, name, count):
    """Another process that writes under a name of its own, and reads back what it wrote."""
    return subprocess.Popen(
        [sys.executable, "-c", WRITE, directory, name, str(count)],
        cwd=Path(__file__).parents[2],
        stderr=subprocess.PIPE,
    )


def put(store, *, version=None, **metadata):
    return store.save(KEY, metadata, Secret({"content": "secret"}), version=version)


def peek(directory):
    return sealed_store(directory).peek(KEY)


def test_a_file_is_private_even_where_files_are_public(tmp_path):
    before = os.umask(0)
    try:
        put(sealed_store(tmp_path / "new"), n=1)
    finally:
        os.umask(before)
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "new", *(tmp_path / "new").iterdir())}
    assert modes == {"new": 0o700, "everyauth.db": 0o600}


def test_a_directory_that_cannot_be_written_is_an_error(tmp_path):
    (tmp_path / "file").touch()
    store = sealed_store(tmp_path / "file")
    for call in (lambda: put(store), lambda: store.list(ALL), store.lock(KEY).__enter__, store.probe):
        with pytest.raises(StoreUnavailable) as caught:
            call()
        assert str(tmp_path / "file") in caught.value.message
        assert caught.value.hint


@pytest.mark.parametrize("content", [b"no database" * 100, b"SQLite format 3\x00" + b"\xff" * 4096])
def test_a_damaged_file_is_an_error_and_left_alone(tmp_path, content):
    (tmp_path / "everyauth.db").write_bytes(content)
    with pytest.raises(StoreError, match="is damaged"):
        put(sealed_store(tmp_path))
    assert (tmp_path / "everyauth.db").read_bytes() == content


def test_an_entry_that_was_edited_by_hand_may_have_blanks_around_it(tmp_path):
    put(sealed_store(tmp_path), n=1)
    in_file(tmp_path / "everyauth.db", "UPDATE everyauth_records SET metadata = ?", ' {"n": 2}\n')
    assert peek(tmp_path) == {"n": 2}


@pytest.mark.parametrize("text", ["", "{", "[]", "1", '{"n": 1} {"n": 2}', b"\xff"])
def test_an_entry_that_is_no_object_is_an_error_and_left_alone(tmp_path, text):
    put(sealed_store(tmp_path), n=1)
    in_file(tmp_path / "everyauth.db", "UPDATE everyauth_records SET metadata = ?", text)
    for call in (lambda: peek(tmp_path), lambda: sealed_store(tmp_path).list(ALL)):
        with pytest.raises(StoreError, match="is damaged"):
            call()
    assert in_file(tmp_path / "everyauth.db", "SELECT metadata FROM everyauth_records") == [(text,)]


def test_a_file_of_another_version_is_an_error_and_left_alone(tmp_path):
    put(sealed_store(tmp_path), n=1)
    in_file(tmp_path / "everyauth.db", "PRAGMA user_version = 99")
    for call in (lambda: put(sealed_store(tmp_path), n=2), lambda: sealed_store(tmp_path).get(KEY)):
        with pytest.raises(StoreError, match="another version"):
            call()
    assert in_file(tmp_path / "everyauth.db", "SELECT metadata FROM everyauth_records") == [('{"n":1}',)]


def test_a_file_of_the_first_schema_is_refused_with_the_way_on(tmp_path):
    in_file(tmp_path / "everyauth.db", "PRAGMA user_version = 1")
    for call in (lambda: put(sealed_store(tmp_path)), lambda: sealed_store(tmp_path).list(ALL)):
        with pytest.raises(StoreError, match="earlier everyauth") as caught:
            call()
        assert "move that file away" in caught.value.hint
        assert "set each client" in caught.value.hint


def test_a_file_that_another_program_keeps_locked_can_be_read(tmp_path):
    put(sealed_store(tmp_path), n=1)
    with closing(sqlite3.connect(tmp_path / "everyauth.db", isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        assert peek(tmp_path) == {"n": 1}


def test_a_write_that_is_broken_off_leaves_the_record_as_it_was(tmp_path):
    version = put(sealed_store(tmp_path), n=1)
    with pytest.raises(TypeError):
        put(sealed_store(tmp_path), version=version, n=object())
    trigger = "CREATE TRIGGER full BEFORE UPDATE ON everyauth_records BEGIN SELECT RAISE(ABORT, 'refused'); END"
    in_file(tmp_path / "everyauth.db", trigger)
    with pytest.raises(StoreError):
        put(sealed_store(tmp_path), version=version, n=2)
    assert peek(tmp_path) == {"n": 1}


def identities(**parts):
    return RecordKey(**{"profile": "default", "kind": "identity", "service": "", **parts})


@pytest.mark.parametrize(
    ("query", "after", "plan"),
    [
        (Query(identities()), KEY, "PRIMARY KEY (kind=? AND profile=? AND (service,tenant,username)>(?,?,?))"),
        (
            Query(identities(service="s")),
            KEY,
            "PRIMARY KEY (kind=? AND profile=? AND service=? AND (tenant,username)>(?,?))",
        ),
        (Query(identities(user="u")), None, "INDEX everyauth_by_user (kind=? AND username=? AND profile=?)"),
        (Query(identities(user="u", profile="")), None, "INDEX everyauth_by_user (kind=? AND username=?)"),
        (
            Query(identities(user="u", service="s")),
            None,
            "everyauth_by_user (kind=? AND username=? AND profile=? AND service=?)",
        ),
        (Query(identities(), "idn-1"), None, "INDEX everyauth_by_id (identity_id=?"),
        (Query(identities(), tags=("a", "bb")), None, "SEARCH t USING PRIMARY KEY (tag=? AND kind=? AND profile=?)"),
        (
            Query(identities(service="s"), tags=("a",)),
            KEY,
            "(tag=? AND kind=? AND profile=? AND service=? AND (tenant,username)>(?,?))",
        ),
    ],
)
def test_a_list_is_found_by_an_index(tmp_path, query, after, plan):
    put(sealed_store(tmp_path))
    statement, values = listing(query, after=after, limit=10, by_user=SqliteFile.by_user)
    plans = [row[-1] for row in in_file(tmp_path / "everyauth.db", f"EXPLAIN QUERY PLAN {statement}", *values)]
    assert plan in plans[0]
    assert not [line for line in plans if "SCAN" in line or "TEMP B-TREE" in line]


@pytest.mark.parametrize("after", [None, (5, KEY)])
def test_what_is_due_is_found_by_an_index(tmp_path, after):
    put(sealed_store(tmp_path))
    statement, values = due_listing("default", "s", before=10, after=after, limit=10)
    plans = [row[-1] for row in in_file(tmp_path / "everyauth.db", f"EXPLAIN QUERY PLAN {statement}", *values)]
    assert len(plans) == 1
    assert "USING INDEX everyauth_due (profile=? AND service=? AND due_at>? AND due_at<?)" in plans[0]


def test_a_directory_in_the_place_of_the_file_is_no_damage(tmp_path):
    (tmp_path / "everyauth.db").mkdir()
    with pytest.raises(StoreUnavailable) as caught:
        peek(tmp_path)
    assert "cannot use" in caught.value.message
    assert "cannot be written" in caught.value.hint


def test_eight_processes_that_start_on_a_new_file_and_write_at_once_lose_nothing(tmp_path):
    writers = [writer(tmp_path, f"w{number}", 40) for number in range(8)]
    assert [(process.communicate(timeout=60)[1], process.returncode) for process in writers] == [(b"", 0)] * 8
    found = sealed_store(tmp_path).list(ALL)
    assert [(key.user, metadata["number"]) for key, metadata in found] == [(f"w{number}", 39) for number in range(8)]
    assert in_file(tmp_path / "everyauth.db", "PRAGMA integrity_check") == [("ok",)]
    assert in_file(tmp_path / "everyauth.db", "PRAGMA journal_mode") == [("wal",)]
    assert [path.name for path in tmp_path.iterdir()] == ["everyauth.db"]


def test_a_writer_that_is_killed_leaves_whole_records_and_nothing_locked(tmp_path):
    key = KEY._replace(tenant="", user="killed")
    process, store = writer(tmp_path, "killed", 100_000), sealed_store(tmp_path)
    while store.get(key) is None:
        time.sleep(0.01)
    time.sleep(random.uniform(0, 0.1))
    process.kill()
    process.communicate()
    record = store.get(key)
    assert record.secret == Secret({"content": [record.metadata["number"]] * 300})
    store.save(key, {"n": 1}, Secret({}), version=record.version)
    assert in_file(tmp_path / "everyauth.db", "PRAGMA integrity_check") == [("ok",)]


def test_readers_do_not_wait_for_a_writer(tmp_path):
    put(sealed_store(tmp_path), n=1)
    with closing(sqlite3.connect(tmp_path / "everyauth.db", isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        connection.execute("DELETE FROM everyauth_records")
        assert peek(tmp_path) == {"n": 1}
        assert {path.stat().st_mode & 0o777 for path in tmp_path.glob("everyauth.db*")} == {0o600}
