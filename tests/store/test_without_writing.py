"""A SQLite store that cannot be written to: fresh tokens and lists come from it, and never an older row."""

import json
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest
from peers.mounts import mounted
from peers.sandbox import sandbox_shell
from peers.stores import sealed_store

from everyauth_cli.model import RecordKey, Secret

pytestmark = pytest.mark.slow

KEY = RecordKey(profile="default", kind="identity", service="example", tenant="me", user="me")
WAYS = ["read-only", "full"]
READ = """
import json, sys
sys.path[:0] = ["tests"]
from pathlib import Path
from peers.stores import sealed_store
from everyauth_cli.errors import StoreUnavailable
from everyauth_cli.model import RecordKey, Secret
from everyauth_cli.store.records import Query
store = sealed_store(Path(sys.argv[1]))
key = RecordKey(profile="default", kind="identity", service="example", tenant="me", user="me")
record = store.get(key)
print(json.dumps([record and record.metadata["n"], [metadata["n"] for _, metadata in store.list(Query(key))]]))
try:
    store.save(key, {"n": 9}, Secret({"large": "x" * 100_000}), version=record.version)
except StoreUnavailable as error:
    print(error.message)
"""


@pytest.fixture
def directory(tmp_path):
    return tmp_path / "store"


def saved(directory, n, version=None):
    return sealed_store(directory).save(KEY, {"n": n}, Secret({"n": n}), version=version)


def read(directory, way):
    command = [*mounted(way, directory), sys.executable, "-c", READ, str(directory)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    found, *message = done.stdout.splitlines()
    return json.loads(found), ["cannot use" in line for line in message]


@pytest.mark.parametrize("way", WAYS)
def test_a_file_alone_is_read(directory, way):
    saved(directory, 1)
    assert [path.name for path in directory.iterdir() if path.name.startswith("everyauth.db-")] == []
    assert read(directory, way) == ([1, [1]], [True])


@pytest.mark.parametrize("way", WAYS)
def test_a_file_with_a_log_beside_it_is_read_with_the_log(directory, way):
    version = saved(directory, 1)
    # As a process leaves it that is killed: the newest row is in the log alone.
    with closing(sqlite3.connect(directory / "everyauth.db")) as kept:
        kept.execute("PRAGMA wal_autocheckpoint = 0")
        kept.execute("SELECT * FROM everyauth_records").fetchall()
        store = sealed_store(directory)
        store.save(KEY, {"n": 2}, Secret({"n": 2}), version=version)
        kept.execute("UPDATE everyauth_records SET due_at = due_at")
        kept.commit()
        left = directory.with_name("left")
        shutil.copytree(directory, left)
    (left / "everyauth.db-shm").unlink()
    assert (left / "everyauth.db-wal").stat().st_size > 0
    assert read(left, way) == ([2, [2]], [True])


@pytest.mark.parametrize("way", WAYS)
def test_a_broken_off_write_is_taken_back(directory, way):
    saved(directory, 1)
    with closing(sqlite3.connect(directory / "everyauth.db", isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
        connection.execute("PRAGMA cache_size = 1")
        connection.execute("PRAGMA cache_spill = 1")
        connection.execute("BEGIN EXCLUSIVE")
        connection.execute("UPDATE everyauth_records SET metadata = '{\"n\":7}'")
        connection.execute(
            "CREATE TABLE filling AS WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c"
            " WHERE n < 500) SELECT n, zeroblob(500) FROM c"
        )
        left = directory.with_name("left")
        shutil.copytree(directory, left)
        connection.execute("ROLLBACK")
    assert (left / "everyauth.db-journal").stat().st_size > 0
    # To take it back makes room.
    assert read(left, way)[0] == [1, [1]]


def test_a_file_that_is_missing_holds_nothing_and_is_not_made(directory):
    directory.mkdir()
    store = sealed_store(directory)
    assert store.get(KEY) is None
    assert list(directory.iterdir()) == []


@pytest.mark.parametrize("way", WAYS)
def test_the_command_hands_out_a_fresh_token_and_lists(everyauth, way):
    with sandbox_shell(everyauth) as shell:
        shell.log_in()
        with closing(sqlite3.connect(everyauth.home / "everyauth.db")) as connection:
            # A log that is empty: into the room of a longer one a full disk would still take a change.
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        shell.prefix = tuple(mounted(way, everyauth.home))
        token = shell.auth.get_identity("pagerduty").access_token
        assert shell.good("everyauth token pagerduty") == f"{token}\n"
        assert json.loads(shell.good("everyauth identity get me"))["accessToken"] == token
        assert "pagerduty\tme" in shell.good("everyauth identity ls")
        assert "pagerduty" in shell.good("everyauth service get pagerduty")
        assert "pagerduty" in shell.good("everyauth service ls")
        shell.clock.tick(3601)
        shell.bad("everyauth token pagerduty", 6)
        assert shell.counts["refresh_token"] == 0
