"""Homes, keys, databases and commands that other users can change: refused by name, before anything in them is used."""

import os
import shlex
import shutil
import subprocess
import sys

import pytest
from peers.mounts import mounted
from peers.sandbox import SEALED, sandbox_shell, witness

pytestmark = pytest.mark.skipif(
    sys.platform == "win32" or os.geteuid() != 0, reason="only root can give files to another user"
)

NOBODY = 65534
COMMANDS = [
    "token pagerduty",
    "identity ls",
    "identity get pagerduty me",
    "identity refresh",
    "login pagerduty --no-browser --timeout 1s",
    "service set pagerduty --client-id x",
    "service get pagerduty",
    "alerts test",
    "store status",
    "logout pagerduty",
]


@pytest.fixture
def shell(everyauth):
    with sandbox_shell(everyauth) as shell:
        shell.log_in()
        yield shell


def give(path, uid=NOBODY):
    """Give a directory with all that is in it to another user."""
    for each in [path, *path.rglob("*")]:
        os.lchown(each, uid, uid)


@pytest.mark.slow
@pytest.mark.parametrize("line", COMMANDS)
def test_root_uses_nothing_of_another_user_s_home(shell, tmp_path, line):
    ran = tmp_path / "ran"
    command = tmp_path / "alert"
    command.write_text(f"#!/bin/sh\ntouch {ran}\n")
    command.chmod(0o755)
    shell.good(f"everyauth alerts set --command {command}")
    give(shell.command.home)
    shown = shell.bad(f"everyauth {line}", 2, 'belongs to user "nobody"', "run everyauth as nobody", "EVERYAUTH_HOME")
    assert str(shell.command.home) in shown
    assert not ran.exists()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["services/pagerduty.toml", "everyauth.db", "everyauth.db-wal", "config.toml"])
def test_one_file_of_another_user_is_refused_by_name(shell, name):
    path = shell.command.home / name
    path.touch()
    os.chown(path, NOBODY, NOBODY)
    line = "everyauth login pagerduty --no-browser --timeout 1s"
    shell.bad(line, 2, f'{path} belongs to user "nobody", so it is not used')


def test_a_home_kept_over_sudo_is_another_user_s(everyauth, tmp_path):
    home = tmp_path / "bob"
    config = home / ".config" / "everyauth"
    config.mkdir(parents=True)
    give(home)
    env = {"HOME": str(home), "EVERYAUTH_HOME": ""}
    done = everyauth("store", "use", "sqlite://", env=env)
    assert (done.code, done.out) == (2, "")
    assert f'{home} belongs to user "nobody", so {config}/config.toml is not used' in done.err
    assert list(config.iterdir()) == []


@pytest.mark.slow
def test_root_opens_no_browser_and_no_keyring_with_another_user_s_home(shell, tmp_path):
    home, opened = tmp_path / "bob", tmp_path / "opened"
    home.mkdir()
    give(home)
    env = {"HOME": str(home), "BROWSER": witness(opened)}
    shell.bad("everyauth login pagerduty", 4, "This is root with the home of nobody, so no browser is opened.", env=env)
    assert not opened.exists()
    config = home / ".config" / "python_keyring"
    config.mkdir(parents=True)
    (config / "keyringrc.cfg").write_text(f"[backend]\nkeyring-path={config}\ndefault-keyring=evil.Keyring\n")
    (config / "evil.py").write_text(f"open({str(opened)!r}, 'w')")
    give(home)
    env = {**env, "EVERYAUTH_STORE": "keyring:", "PYTHON_KEYRING_BACKEND": "keyring.backends.chainer.ChainerBackend"}
    shell.bad("everyauth service set pagerduty --client-id x", 2, f'{home} belongs to user "nobody"', env=env)
    assert not opened.exists()


@pytest.mark.slow
def test_a_directory_that_others_may_write_is_refused_until_it_is_closed(shell):
    home = shell.command.home
    home.chmod(0o777)
    for line in ("everyauth token pagerduty", "everyauth identity ls"):
        shown = shell.bad(line, 2, f"{home} can be changed by other users (mode 0777)")
    subprocess.run(shlex.split(shown.partition("try: ")[2]), check=True)
    assert shell.works(shell.token())


@pytest.mark.slow
def test_a_key_that_others_may_write_is_refused(shell, tmp_path):
    key = tmp_path / "sealing.key"
    key.write_text(SEALED["EVERYAUTH_KEY"])
    key.chmod(0o666)
    env = {"EVERYAUTH_KEY": "", "EVERYAUTH_KEY_FILE": str(key)}
    shell.bad("everyauth token pagerduty", 2, f"{key} can be changed by other users (mode 0666)", env=env)
    key.chmod(0o644)
    assert shell.good("everyauth token pagerduty", env=env) == shell.good("everyauth token pagerduty")


@pytest.mark.slow
def test_a_database_in_a_sticky_directory_is_used_unless_another_user_made_it(shell, tmp_path):
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    env = {"EVERYAUTH_STORE": f"sqlite://{shared}/store.db"}
    shell.good("everyauth service set pagerduty --client-id x", env=env)
    locks = shared / "store.db.locks"
    shutil.rmtree(locks)
    locks.mkdir()
    os.chown(locks, NOBODY, NOBODY)
    shell.bad("everyauth service set pagerduty --client-id y", 2, f'{locks} belongs to user "nobody"', env=env)


@pytest.mark.slow
def test_root_runs_no_alert_command_of_another_user(shell, tmp_path):
    command = tmp_path / "alert"
    command.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    command.chmod(0o755)
    shell.good(f"everyauth alerts set --command {command}")
    shell.good("everyauth alerts test")
    (tmp_path / "ran").unlink()
    os.chown(command, NOBODY, NOBODY)
    done = shell("everyauth alerts test")
    assert done.code != 0
    assert f'{command} belongs to user "nobody"' in done.err
    assert not (tmp_path / "ran").exists()


@pytest.mark.slow
def test_a_volume_that_everybody_may_write_gets_one_warning_until_it_is_trusted(shell):
    home = shell.command.home
    shell.prefix = tuple(mounted("world-writable", home))
    done = shell("everyauth login pagerduty")
    assert done.code == 0, done
    assert done.err.count("warning: ") == 1
    assert f"warning: {home} can be changed by other users (mode 0777); if it should be so: " in done.err
    trust = f"EVERYAUTH_TRUST_DIRECTORIES={home}"
    assert trust in done.err
    done = shell("everyauth login pagerduty", env={"EVERYAUTH_TRUST_DIRECTORIES": f"/other{os.pathsep}{home}"})
    assert (done.code, "warning" in done.err) == (0, False)


def test_trust_does_not_make_another_user_s_files_root_s(shell):
    home = shell.command.home
    give(home)
    shell.bad("everyauth identity ls", 2, "belongs to user", env={"EVERYAUTH_TRUST_DIRECTORIES": str(home)})
