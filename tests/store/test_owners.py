"""The owners of files that we trust: another user's are refused, a platform's modes are not."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from peers.mounts import mounted

from everyauth_cli.store.owners import has_other_members, weakness

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such owners")

ME, OTHER = 1234, 4321
NO_MOUNTS = "/nonexistent"
root = pytest.mark.skipif(sys.platform == "win32" or os.geteuid() != 0, reason="only root can give files away")


def alone(_group, _uid):
    return False


def shared(_group, _uid):
    return True


def nameless(_group, _uid):
    return None


@pytest.fixture
def home(tmp_path):
    """A directory of the user ME, on the way to which everything is root's."""
    path = tmp_path / "home"
    path.mkdir(mode=0o700)
    os.chown(path, ME, ME)
    return path


def file_in(directory, mode=0o600, owner=ME):
    path = directory / "config.toml"
    path.touch()
    path.chmod(mode)
    os.chown(path, owner, ME)
    return path


def judged(path, *, uid=ME, members=alone, mounts=NO_MOUNTS):
    weak = weakness(str(path), uid=uid, members=members, mounts=str(mounts))
    return weak and ("refused" if weak.refused else "warning", Path(weak.part).name, weak.reason)


@root
def test_what_is_ours_or_root_s_is_trusted(home):
    assert judged(home) is judged(file_in(home)) is judged(home / "not" / "there" / "yet") is None
    os.chown(home, 0, 0)
    assert judged(home) is None


@root
@pytest.mark.parametrize("uid", [ME, 0], ids=["a user", "root"])
def test_what_another_user_owns_is_refused_by_name(home, uid):
    os.chown(home, 65534, ME)
    assert judged(home, uid=uid) == ("refused", "home", 'belongs to user "nobody"')
    assert judged(home / "missing", uid=uid) == ("refused", "home", 'belongs to user "nobody"')
    os.chown(home, OTHER, ME)
    assert judged(home, uid=uid) == ("refused", "home", f'belongs to user "{OTHER}"')


@root
def test_a_user_s_file_is_refused_when_root_reads_it(home):
    assert judged(file_in(home), uid=0)[:2] == ("refused", "home")


@root
@pytest.mark.parametrize(
    ("mode", "members", "outcome"),
    [
        (0o707, alone, ("refused", "other users")),
        (0o702, alone, ("refused", "other users")),
        (0o777, nameless, ("refused", "other users")),
        (0o770, shared, ("refused", "the group 1234")),
        (0o770, alone, None),
        (0o775, alone, None),
        (0o2770, nameless, ("warning", "the group 1234")),
        (0o755, shared, None),
        (0o1777, shared, None),
    ],
    ids=lambda value: oct(value) if isinstance(value, int) else None,
)
def test_a_directory_that_others_may_write_is_refused(home, mode, members, outcome):
    home.chmod(mode)
    found = judged(home / "config.toml", members=members)
    assert (found and (found[0], found[2].partition(" by ")[2].rpartition(" (")[0])) == outcome
    if found:
        assert f"(mode {stat.S_IMODE(mode):04o})" in found[2]


@root
@pytest.mark.parametrize("mode", [0o602, 0o666, 0o660])
def test_a_file_that_others_may_write_is_refused(home, mode):
    assert judged(file_in(home, mode), members=shared)[:2] == ("refused", "config.toml")


@root
@pytest.mark.parametrize("mode", [0o644, 0o604, 0o640])
def test_a_file_that_others_may_only_read_is_trusted(home, mode):
    assert judged(file_in(home, mode), members=shared) is None


@root
def test_a_file_of_another_user_in_a_sticky_directory_is_refused(home):
    home.chmod(0o1777)
    assert judged(file_in(home)) is None
    assert judged(file_in(home, owner=OTHER))[:2] == ("refused", "config.toml")


@root
def test_every_part_of_the_way_counts(home):
    inner = home / "a" / "b"
    inner.mkdir(parents=True)
    os.chown(inner, ME, ME)
    assert judged(inner) is None
    (home / "a").chmod(0o777)
    assert judged(inner)[:2] == ("refused", "a")
    os.chown(home, OTHER, ME)
    assert judged(inner)[:2] == ("refused", "home")


@root
def test_links_and_where_they_lead_count(home, tmp_path):
    real = tmp_path / "real"
    real.mkdir()
    link = home / "link"
    link.symlink_to(real)
    os.lchown(link, ME, ME)
    assert judged(link / "file") is None
    os.lchown(link, OTHER, ME)
    assert judged(link / "file")[:2] == ("refused", "link")
    os.lchown(link, 0, 0)
    os.chown(real, OTHER, ME)
    assert judged(link / "file")[:2] == ("refused", "real")
    (home / "up").symlink_to("../real")
    assert judged(home / "up")[:2] == ("refused", "real")
    (home / "round").symlink_to("round")
    os.lchown(home / "round", ME, ME)
    assert judged(home / "round") is None


def mounts(tmp_path, point, kind):
    path = tmp_path / "mountinfo"
    escaped = str(point).replace(" ", "\\040")
    path.write_text(f"1 0 8:1 / / rw - ext4 /dev/sda rw\n2 1 0:1 / {escaped} rw shared:1 - {kind} x rw\n")
    return path


@root
@pytest.mark.parametrize("kind", ["fakeowner", "virtiofs", "9p", "drvfs"])
def test_a_file_system_that_makes_owners_up_is_warned_of(home, tmp_path, kind):
    table = mounts(tmp_path, home, kind)
    os.chown(home, 501, 20)
    assert judged(home, mounts=table)[0] == "warning"
    home.chmod(0o777)
    assert judged(home, mounts=table)[0] == "warning"
    # Whatever it is, root is given no file of another user.
    assert judged(home, uid=0, mounts=table)[0] == "refused"
    os.chown(home, 0, 0)
    assert judged(home, uid=0, mounts=table)[0] == "warning"


@root
def test_a_volume_that_everybody_may_write_is_warned_of(home, tmp_path):
    volume = tmp_path / "a volume"
    volume.mkdir()
    volume.chmod(0o777)
    table = mounts(tmp_path, volume, "ext4")
    assert judged(volume, mounts=table)[0] == "warning"
    assert judged(volume)[0] == "refused"
    os.chown(volume, OTHER, 0)
    assert judged(volume, mounts=table)[0] == "refused"
    inside = volume / "inside"
    inside.mkdir()
    inside.chmod(0o777)
    os.chown(volume, 0, 0)
    assert judged(inside, mounts=table)[0] == "refused"


LOOK = """
import sys
from everyauth_cli.store.owners import weakness
weak = weakness(sys.argv[1], uid=1234)
print(weak and (weak.refused, weak.reason.partition(" (")[0]))
"""


@root
def test_modes_on_a_read_only_mount_do_not_matter(home):
    home.chmod(0o777)
    line = [*mounted("read-only", home), sys.executable, "-c", LOOK, str(home)]
    assert subprocess.run(line, capture_output=True, text=True, check=True).stdout == "None\n"
    os.chown(home, OTHER, OTHER)
    done = subprocess.run(line, capture_output=True, text=True, check=True)
    assert done.stdout == f"(False, 'belongs to user \"{OTHER}\"')\n"


def test_owners_outside_of_a_user_namespace_are_not_known():
    if os.geteuid() != 0:
        pytest.skip("only root has files that a namespace hides")
    line = ["unshare", "--user", "--map-user=1234", sys.executable, "-c", LOOK, "/etc/passwd"]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    if "unshare" in done.stderr:
        pytest.skip("user namespaces are not allowed here")
    # The files of the real root look as if they were nobody's there.
    assert done.stdout == "None\n", done.stderr


def test_root_s_group_and_one_without_a_name():
    assert has_other_members(0, ME) is False
    assert has_other_members(4294900000, ME) is None


GROUPS = "ann:x:1234:\nshared:x:2000:ann,bob\nmine:x:2001:ann\nusers:x:2002:\nrooted:x:2003:root\n"
USERS = "root:x:0:0::/:/x\nann:x:1234:1234::/:/x\nbob:x:4321:2002::/:/x\n"
WITH_OTHER_USERS = 'mount --bind "$0/passwd" /etc/passwd && mount --bind "$0/group" /etc/group && exec "$@"'
ASK = """
import sys
from everyauth_cli.store.owners import has_other_members
print(*(has_other_members(int(group), 1234) for group in sys.argv[1:]))
"""


@root
def test_a_group_is_shared_if_another_user_is_in_it_or_has_it_as_his_own(tmp_path):
    mounted("read-only", tmp_path)  # skips where there are no mount namespaces
    (tmp_path / "group").write_text(GROUPS)
    (tmp_path / "passwd").write_text(USERS)
    groups = {"1234": False, "2000": True, "2001": False, "2002": True, "2003": False, "9999": None}
    line = ["unshare", "--mount", "sh", "-c", WITH_OTHER_USERS, str(tmp_path), sys.executable, "-c", ASK, *groups]
    done = subprocess.run(line, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [*map(str, groups.values())]


@root
def test_an_arbitrary_user_in_root_s_group_is_no_fault(home):
    os.chown(home, 0, 0)
    for mode in (0o770, 0o775, 0o2775):
        home.chmod(mode)
        assert weakness(str(home / "config.toml"), uid=1000650000) is None
