"""The file of the SQLite index: private, and told apart when it is damaged, foreign or out of reach."""

import base64
import json
import os
import sqlite3
from contextlib import closing

import pytest

from everyauth_cli.errors import StoreError, StoreUnavailable
from everyauth_cli.model import Key, Secret
from everyauth_cli.store.index_sqlite import listing
from everyauth_cli.store.opening import Keyring, SealingKey, open_store

KEY = Key(profile="default", kind="identity", service="example", tenant="acme", user="ann")
SEALING_KEY = SealingKey(text=Secret(base64.urlsafe_b64encode(bytes(32)).decode()))


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
        (Key(profile="default", kind="identity", service=""), "(service,tenant,user)>(?,?,?)"),
        (Key(profile="default", kind="identity", service="example"), "service=? AND (tenant,user)>(?,?)"),
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
