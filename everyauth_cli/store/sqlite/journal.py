"""The choice of a SQLite file's journal: a write-ahead log on file systems that are known to be local, only."""

from __future__ import annotations

import re
import sqlite3
import time
from pathlib import Path

MOUNTS = Path("/proc/self/mountinfo")
# A write-ahead log needs memory that all who open the file share, which machines do not (sqlite.org/wal.html).
LOCAL = frozenset({
    "apfs", "aufs", "bcachefs", "btrfs", "exfat", "ext2", "ext3", "ext4", "f2fs", "hfs", "hfsplus", "jfs", "msdos",
    "nilfs2", "ntfs", "ntfs3", "overlay", "ramfs", "reiserfs", "squashfs", "tmpfs", "ubifs", "ufs", "vfat", "xfs",
    "zfs",
})  # fmt: skip
SWITCH_SECONDS = 5.0
LEAVE_SECONDS = 0.3
LONGEST_PAUSE = 0.05
WRITE_AHEAD, ROLLBACK = "wal", "delete"
ESCAPE = re.compile(r"\\([0-7]{3})")

CANNOT_SHARE_MEMORY = (
    sqlite3.SQLITE_IOERR_SHMMAP,
    sqlite3.SQLITE_IOERR_SHMOPEN,
    sqlite3.SQLITE_IOERR_SHMLOCK,
    sqlite3.SQLITE_IOERR_SHMSIZE,
    sqlite3.SQLITE_READONLY_CANTINIT,
    sqlite3.SQLITE_READONLY_CANTLOCK,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PROTOCOL,
)


def journal_for(path: Path, mounts: Path) -> str:
    """The journal for a file, by the file system that it is on; `mounts` lists them as Linux does."""
    return WRITE_AHEAD if _file_system(path, mounts) in LOCAL else ROLLBACK


def use_journal(connection: sqlite3.Connection, journal_to_use: str) -> str:
    """Switch the journal where it is another, and return the one that is used from now on.

    SQLite refuses that at once, without waiting, while another process has the file open.
    """
    ((journal,),) = connection.execute("PRAGMA journal_mode")
    until = time.monotonic() + (SWITCH_SECONDS if journal_to_use == WRITE_AHEAD else LEAVE_SECONDS)
    while journal != journal_to_use:
        try:
            ((journal,),) = connection.execute(f"PRAGMA journal_mode = {journal_to_use}")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise
        if journal == journal_to_use or time.monotonic() > until:
            break
        # A different pause in each process; the module random takes longer to import than most commands need.
        time.sleep(time.monotonic_ns() % 1000 / 1000 * LONGEST_PAUSE)
    return str(journal)


def leave_log(name: str) -> None:
    """Switch a file to the rollback journal where the memory beside its log cannot be shared.

    Raises `sqlite3.Error` where another process has it open, or it cannot be written.
    """
    connection = sqlite3.connect(name, isolation_level=None)
    try:
        # Alone with the file, SQLite keeps the log's index in its own memory.
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute(f"PRAGMA journal_mode = {ROLLBACK}").fetchall()
    finally:
        connection.close()


def _file_system(path: Path, mounts: Path) -> str | None:
    """The type of the file system that a path is on, where that is known."""
    try:
        lines = mounts.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    path = path.resolve()
    # Field 5 is the mount point; the type follows the field that is a lone dash. The last mount hides those under it.
    found = [(_unescaped(line.split()[4]), line.partition(" - ")[2].split()[0]) for line in lines]
    over = [(point, kind) for point, kind in found if path.is_relative_to(point)]
    return max(reversed(over), key=lambda mount: len(mount[0]))[1] if over else None


def _unescaped(point: str) -> str:
    return ESCAPE.sub(lambda match: chr(int(match[1], 8)), point)
