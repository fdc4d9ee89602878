"""The file of the SQLite index: private, and told apart when it is damaged, foreign or out of reach."""

import base64
import json
import os
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
from everyauth_cli.store.index_sqlite import SqliteIndex, listing

from everyauth_cli.errors import StoreError, StoreUnavailable
from everyauth_cli.model import RecordKey, Secret
from everyauth_cli.store.keyring.opening import Keyring
from everyauth_cli.store.opening import open_store
from everyauth_cli.store.sealed.key_place import SealingKey
from everyauth_cli.store.sqlite.file import SqliteFile

KEY = RecordKey(profile="default", kind="identity", service="example", tenant="acme", user="ann")
SEALING_KEY = SealingKey(text=Secret(base64.urlsafe_b64encode(bytes(32)).decode()))
WRITE = """
import sys
from pathlib import Path
from everyauth_cli.model import RecordKey
from everyauth_cli.store.index_sqlite import SqliteIndex
from everyauth_cli.store.sqlite.file import SqliteFile
index, writer, turns = SqliteIndex(SqliteFile(Path(sys.argv[1]))), sys.argv[2], int(sys.argv[3])
key = RecordKey(profile="default", kind="identity", service="example", user=writer)
for turn in range(turns):
    index.write_cell(writer, b"%d" % turn * 300)
    index.write(key, {"turn": turn})
    assert index.read(key) == {"turn": turn}
    assert index.read_cell(writer) == b"%d" % turn * 300
"""


def writer(path, name, turns):
    """Another process that writes under a name of its own, and reads back what it wrote."""
    return subprocess.Popen(
        [sys.executable, "-c", WRITE, path, name, str(turns)], cwd=Path(__file__).parents[2], stderr=subprocess.PIPE
    )


def sealed(directory):
    return open_store("sqlite://", data_dir=directory, keyring=Keyring(), sealing_key=SEALING_KEY)


def put(store, **public):
    return store.write(KEY, public=public, secret=Secret({"content": "secret"}))


def in_file(directory, statement, *values):
    """Run a statement behind the store's back."""
    with closing(sqlite3.connect(directory / "everyauth.db")) as connection, connection:
        return connection.execute(statement, values).fetchall()


def test_an_index_is_private_even_where_files_are_public(tmp_path):
    before = os.umask(0)
    try:
        put(sealed(tmp_path / "new"), n=1)
    finally:
        os.umask(before)
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "new", *(tmp_path / "new").iterdir())}
    assert modes == {"new": 0o700, "everyauth.db": 0o600}


def test_a_directory_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").touch()
    store = sealed(tmp_path / "file")
    for call in (lambda: put(store), lambda: store.index.find(KEY), store.lock(KEY).__enter__, store.probe):
        with pytest.raises(StoreUnavailable) as caught:
            call()
        assert str(tmp_path / "file") in caught.value.message
        assert caught.value.hint


@pytest.mark.parametrize("content", [b"no database" * 100, b"SQLite format 3\x00" + b"\xff" * 4096])
def test_a_damaged_file_is_told_and_left_alone(tmp_path, content):
    (tmp_path / "everyauth.db").write_bytes(content)
    with pytest.raises(StoreError, match="is damaged"):
        put(sealed(tmp_path))
    assert (tmp_path / "everyauth.db").read_bytes() == content


def test_an_entry_that_was_edited_by_hand_may_have_blanks_around_it(tmp_path):
    put(sealed(tmp_path), n=1)
    in_file(tmp_path, "UPDATE records SET public = ?", ' {"n": 2}\n')
    assert sealed(tmp_path).index.read(KEY) == {"n": 2}


@pytest.mark.parametrize("text", ["", "{", "[]", "1", '{"n": 1} {"n": 2}', b"\xff"])
def test_an_entry_that_is_no_object_is_told_and_left_alone(tmp_path, text):
    put(sealed(tmp_path), n=1)
    in_file(tmp_path, "UPDATE records SET public = ?", text)
    for call in (lambda: sealed(tmp_path).index.read(KEY), lambda: sealed(tmp_path).index.find(KEY)):
        with pytest.raises(StoreError, match="is damaged"):
            call()
    assert in_file(tmp_path, "SELECT public FROM records") == [(text,)]


def test_a_file_of_another_version_is_told_and_left_alone(tmp_path):
    put(sealed(tmp_path), n=1)
    in_file(tmp_path, "PRAGMA user_version = 99")
    for call in (lambda: put(sealed(tmp_path), n=2), lambda: sealed(tmp_path).read(KEY)):
        with pytest.raises(StoreError, match="another version"):
            call()
    assert [json.loads(public) for (public,) in in_file(tmp_path, "SELECT public FROM records")] == [{"n": 1}]


def test_a_file_that_another_program_keeps_locked_can_be_read(tmp_path):
    put(sealed(tmp_path), n=1)
    with closing(sqlite3.connect(tmp_path / "everyauth.db", isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        assert sealed(tmp_path).index.read(KEY) == {"n": 1}


def test_a_write_that_is_broken_off_leaves_the_record_as_it_was(tmp_path):
    put(sealed(tmp_path), n=1)
    with pytest.raises(TypeError):
        sealed(tmp_path).index.write(KEY, {"n": object()})
    in_file(tmp_path, "CREATE TRIGGER full BEFORE INSERT ON records BEGIN SELECT RAISE(ABORT, 'refused'); END")
    with pytest.raises(StoreError):
        sealed(tmp_path).index.write(KEY, {"n": 2})
    assert sealed(tmp_path).index.read(KEY) == {"n": 1}


@pytest.mark.parametrize(
    ("wanted", "seek"),
    [
        (RecordKey(profile="default", kind="identity", service=""), "(service,tenant,user)>(?,?,?)"),
        (RecordKey(profile="default", kind="identity", service="example"), "service=? AND (tenant,user)>(?,?)"),
    ],
)
def test_a_page_is_sought_and_not_read_up_to(tmp_path, wanted, seek):
    put(sealed(tmp_path), n=1)
    statement, values = listing(wanted, after=KEY, limit=10)
    ((*_, plan),) = in_file(tmp_path, f"EXPLAIN QUERY PLAN {statement}", *values)
    assert seek in plan


def test_a_directory_in_the_place_of_the_file_is_no_damage(tmp_path):
    (tmp_path / "everyauth.db").mkdir()
    with pytest.raises(StoreUnavailable) as caught:
        sealed(tmp_path).index.read(KEY)
    assert "cannot use" in caught.value.message
    assert "permissions" in caught.value.hint


def test_eight_processes_that_start_on_a_new_file_and_write_at_once_lose_nothing(tmp_path):
    path = tmp_path / "everyauth.db"
    writers = [writer(path, f"w{number}", 40) for number in range(8)]
    assert [(process.communicate(timeout=60)[1], process.returncode) for process in writers] == [(b"", 0)] * 8
    found = SqliteIndex(SqliteFile(path)).find(RecordKey(profile="", kind="identity", service=""))
    assert [(key.user, public["turn"]) for key, public in found] == [(f"w{number}", 39) for number in range(8)]
    assert in_file(tmp_path, "PRAGMA integrity_check") == [("ok",)]
    assert in_file(tmp_path, "PRAGMA journal_mode") == [("wal",)]
    assert [path.name for path in tmp_path.iterdir()] == ["everyauth.db"]


def test_a_writer_that_is_killed_leaves_whole_records_and_nothing_locked(tmp_path):
    path = tmp_path / "everyauth.db"
    process = writer(path, "killed", 100_000)
    while not path.exists() or SqliteIndex(SqliteFile(path)).read_cell("killed") is None:
        time.sleep(0.01)
    process.kill()
    process.communicate()
    index = SqliteIndex(SqliteFile(path))
    cell = index.read_cell("killed")
    assert cell == cell[: len(cell) // 300] * 300
    index.write_cell("killed", b"anew")
    assert index.read_cell("killed") == b"anew"
    assert in_file(tmp_path, "PRAGMA integrity_check") == [("ok",)]


def test_readers_do_not_wait_for_a_writer(tmp_path):
    put(sealed(tmp_path), n=1)
    with closing(sqlite3.connect(tmp_path / "everyauth.db", isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        connection.execute("DELETE FROM records")
        assert sealed(tmp_path).index.read(KEY) == {"n": 1}
        assert {path.stat().st_mode & 0o777 for path in tmp_path.glob("everyauth.db*")} == {0o600}


@pytest.mark.parametrize(
    ("mounts", "journal"),
    [
        ("1 0 8:1 / / rw - ext4 /dev/sda1 rw", "wal"),
        ("1 0 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 0:5 / {} rw shared:1 - nfs4 server:/home rw", "delete"),
        ("1 0 8:1 / / rw - nfs server:/ rw\n2 1 0:5 / {} rw - xfs /dev/sdb1 rw", "wal"),
        ("1 0 8:1 / / rw - ext4 / rw\n2 1 0:5 / {0} rw - xfs a rw\n3 2 0:6 / {0} rw - fuse.sshfs b rw", "delete"),
        ("1 0 8:1 / /elsewhere rw - ext4 /dev/sda1 rw", "delete"),
        (None, "delete"),
    ],
)
def test_a_write_ahead_log_is_for_disks_that_are_known_to_be_local(tmp_path, mounts, journal):
    if mounts:
        (tmp_path / "mounts").write_text(mounts.format(str(tmp_path / "a b").replace(" ", "\\040")))
    (tmp_path / "a b").mkdir()
    index = SqliteIndex(SqliteFile(tmp_path / "a b" / "everyauth.db", mounts=tmp_path / "mounts"))
    index.write(KEY, {"n": 1})
    assert index.read(KEY) == {"n": 1}
    assert in_file(tmp_path / "a b", "PRAGMA journal_mode") == [(journal,)]
