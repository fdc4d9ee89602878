"""Finds out who else may change a file or directory that we trust; imports nothing heavy, because `cli/fast` uses it.

Every part of the way to it counts, links too, as whoever owns one of them can put another file in its place.
"""

from __future__ import annotations

import os
import stat
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MOST_LINKS = 40
MOUNTS = "/proc/self/mountinfo"
UID_MAP = "/proc/self/uid_map"
WHOLE_RANGE = ["0", "0", "4294967295"]
OVERFLOW_UID = 65534
"""The owner that a user namespace shows for every user outside of it (user_namespaces(7))."""
UNREAL = {"fakeowner", "virtiofs", "9p", "drvfs", "osxfs", "vboxsf", "prl_fs", "cifs", "smb3", "vfat", "exfat", "ntfs3"}
"""File systems that make owners and modes up; only root can mount them."""


class Weakness:
    """A reason not to trust a path: `part` of the way to it can be changed by others.

    It is refused if a person who is known may do that, and only warned of where a platform has set it up so. `owner`
    is the user that the part belongs to, where that is the reason.
    """

    __slots__ = ("owner", "part", "reason", "refused")

    def __init__(self, part: str, reason: str, *, refused: bool, owner: str = "") -> None:
        self.part = part
        self.reason = reason
        self.refused = refused
        self.owner = owner


def weakness(
    path: str, *, uid: int | None = None, mounts: str = MOUNTS, members: Callable[[int, int], bool | None] | None = None
) -> Weakness | None:
    """Return the worst weakness of a path, if it has one, for the user of that number (by default, this process's).

    `members` says whether a group has members beside a user, None if it has no name.
    """
    if sys.platform == "win32":
        return None
    uid = os.geteuid() if uid is None else uid
    found = None
    for part, status in _way(path):
        each = _of_part(part, status, uid, mounts, members or has_other_members)
        if each and each.refused:
            return each
        found = found or each
    return found


def _way(path: str) -> Iterator[tuple[str, os.stat_result]]:
    """Return the parts of the way to a path as far as they exist, through links."""
    todo, at, links = path.split("/")[::-1], "/" if path.startswith("/") else os.getcwd(), 0  # noqa: PTH109
    yield at, os.lstat(at)
    while todo:
        word = todo.pop()
        if word in ("", "."):
            continue
        if word == "..":
            at = os.path.dirname(at)  # noqa: PTH120 - pathlib is heavy
            continue
        part = f"{at.rstrip('/')}/{word}"
        try:
            status = os.lstat(part)
            target = os.readlink(part) if stat.S_ISLNK(status.st_mode) else None  # noqa: PTH115
        except OSError:
            return
        yield part, status
        if target is None:
            at = part
            continue
        links += 1
        if links > MOST_LINKS:
            return
        todo += target.split("/")[::-1]
        at = "/" if target.startswith("/") else at


def _of_part(
    part: str, status: os.stat_result, uid: int, mounts: str, members: Callable[[int, int], bool | None]
) -> Weakness | None:
    mode, owner = status.st_mode, status.st_uid
    if owner not in (0, uid) and not _is_nameless(owner):
        name = _user_name(owner)
        # What root runs or reads is root's: an owner could have root run a program of his.
        is_refused = uid == 0 or not (_is_read_only(part) or _mount(part, mounts)[1] in UNREAL)
        return Weakness(part, f'belongs to user "{name}"', refused=is_refused, owner=name)
    is_file = stat.S_ISREG(mode)
    is_open = stat.S_ISDIR(mode) and not mode & stat.S_ISVTX
    if not (is_file or is_open) or not mode & 0o022 or _is_read_only(part):
        return None
    shown = f"(mode {stat.S_IMODE(mode):04o})"
    by_others, by_group = bool(mode & 0o002), bool(mode & 0o020) and members(status.st_gid, uid)
    if not by_others and by_group is False:
        return None
    who = "other users" if by_others else f"the group {_group_name(status.st_gid)}"
    mount, kind = _mount(part, mounts)
    # The modes of a container's volume are its platform's, and only the platform decides who gets into the container.
    is_platforms = (mount == part and owner == 0) or kind in UNREAL or (not by_others and by_group is None)
    return Weakness(part, f"can be changed by {who} {shown}", refused=not is_platforms)


def has_other_members(group: int, uid: int) -> bool | None:
    """Whether a group has members besides a user and root; None if the group has no name, as a platform's has none."""
    import grp
    import pwd

    if group == 0:
        return False
    try:
        entry, name = grp.getgrgid(group), _user_name(uid)
    except KeyError:
        return None
    if set(entry.gr_mem) - {name, "root"}:
        return True
    # A group of the user's own name is the user's alone, and to list all users may take long.
    if entry.gr_name == name:
        return False
    return any(each.pw_gid == group and each.pw_uid not in (0, uid) for each in pwd.getpwall())


def _is_nameless(owner: int) -> bool:
    """Whether an owner is not known, because it is outside of this user namespace."""
    if owner != OVERFLOW_UID:
        return False
    try:
        with open(UID_MAP, encoding="ascii") as file:  # noqa: PTH123 - pathlib is heavy
            return file.read().split() != WHOLE_RANGE
    except OSError:
        return False


def _is_read_only(path: str) -> bool:
    try:
        return bool(os.statvfs(path).f_flag & os.ST_RDONLY)
    except OSError:
        return False


def _mount(path: str, mounts: str) -> tuple[str, str]:
    """Return the mount point that a path is in, and the kind of its file system; empty if that is not known."""
    best = ("", "")
    try:
        with open(mounts, encoding="utf-8", errors="surrogateescape") as file:  # noqa: PTH123 - pathlib is heavy
            for line in file:
                before, _, after = line.partition(" - ")
                point = before.split(" ")[4].encode("latin-1", "replace").decode("unicode_escape")
                is_inside = f"{path}/".startswith(f"{point.rstrip('/')}/")
                if is_inside and len(point) >= len(best[0]):
                    best = (point, after.split(" ")[0])
    except (OSError, ValueError, IndexError):
        pass
    return best


def _user_name(uid: int) -> str:
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _group_name(group: int) -> str:
    import grp

    try:
        return f'"{grp.getgrgid(group).gr_name}"'
    except KeyError:
        return str(group)
