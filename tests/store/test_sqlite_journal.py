"""The journal of a SQLite file: a write-ahead log on file systems known to be local, chosen anew at each open."""

import sqlite3
from contextlib import closing

import pytest
from peers.stores import in_file

from everyauth_cli.model import RecordKey
from everyauth_cli.store.sqlite.file import SqliteFile
from everyauth_cli.store.table import RecordTable, Row

KEY = RecordKey(profile="default", kind="identity", service="example", tenant="acme", user="ann")
LOCAL = "ext4 xfs btrfs zfs overlay tmpfs bcachefs"
SHARED = (
    "nfs4 nfs cifs smb3 9p fuse.sshfs lustre ceph beegfs fuse.glusterfs afs gpfs gfs2 ocfs2 panfs wekafs pvfs2 orangefs"
    " virtiofs vboxsf prl_fs drvfs dvs ncpfs coda quobyte moosefs davfs acfs hgfs vmhgfs fuseblk autofs unheard-of"
)


def mounts(directory, kind):
    """A list of mounts, as Linux writes it, in which the directory is on a file system of that type."""
    path = directory.parent / "mounts"
    point = str(directory).replace(" ", "\\040")
    path.write_text(f"1 0 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 0:5 / {point} rw,noatime shared:1 - {kind} source rw\n")
    return path


@pytest.fixture
def directory(tmp_path):
    found = tmp_path / "a b"
    found.mkdir()
    return found


def journal(directory):
    return in_file(directory / "everyauth.db", "PRAGMA journal_mode")[0][0]


def use(directory, kind, n=1, **more):
    file = SqliteFile(directory / "everyauth.db", mounts=mounts(directory, kind), **more)
    RecordTable(file).replace(KEY, Row(str(n), None, "1", None))
    return file


@pytest.mark.parametrize(("kinds", "expected"), [(LOCAL, "wal"), (SHARED, "delete")])
def test_a_write_ahead_log_is_for_file_systems_that_are_known_to_be_local(directory, kinds, expected):
    for kind in kinds.split():
        (directory / "everyauth.db").unlink(missing_ok=True)
        use(directory, kind)
        assert (kind, journal(directory)) == (kind, expected)


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
def test_the_last_of_the_mounts_over_a_directory_counts(tmp_path, mounts, journal):
    if mounts:
        (tmp_path / "mounts").write_text(mounts.format(str(tmp_path / "a b").replace(" ", "\\040")))
    (tmp_path / "a b").mkdir()
    file = SqliteFile(tmp_path / "a b" / "everyauth.db", mounts=tmp_path / "mounts")
    assert RecordTable(file).add(KEY, "{}")
    assert in_file(tmp_path / "a b" / "everyauth.db", "PRAGMA journal_mode") == [(journal,)]


def test_a_file_that_came_to_a_network_s_file_system_gets_the_rollback_journal_and_back(directory):
    for kind, expected in (("ext4", "wal"), ("nfs4", "delete"), ("ext4", "wal")):
        use(directory, kind, kind)
        assert journal(directory) == expected
        assert in_file(directory / "everyauth.db", "SELECT metadata FROM everyauth_records") == [(kind,)]


def test_a_journal_that_others_use_stays_with_a_warning(directory):
    warnings = []
    with closing(sqlite3.connect(directory / "everyauth.db")) as other:
        use(directory, "ext4")
        other.execute("SELECT * FROM everyauth_records").fetchall()
        use(directory, "nfs4", 2, warn=warnings.append)
        assert journal(directory) == "wal"
    assert len(warnings) == 1
    assert "write-ahead log" in warnings[0]
    assert str(directory) in warnings[0]


def test_a_log_whose_memory_cannot_be_shared_is_left(directory):
    file = use(directory, "ext4")
    del file
    # What SQLite maps into memory beside its log.
    (directory / "everyauth.db-shm").symlink_to(directory / "none" / "none")
    file = use(directory, "ext4", 2)
    assert file.run("SELECT metadata FROM everyauth_records") == [("2",)]
    assert file.run("PRAGMA journal_mode") == [("delete",)]


def test_what_was_overwritten_is_not_left_in_the_file(directory):
    file = use(directory, "ext4", "x" * 9000 + "former")
    RecordTable(file).replace(KEY, Row("newer", None, "1", None))
    RecordTable(file).delete(KEY)
    assert file.run("PRAGMA secure_delete") == [(1,)]
    del file
    assert b"former" not in (directory / "everyauth.db").read_bytes()
