"""The choice of the browser, and its start with the unchanged URL."""

import base64
import os
import re
import shlex
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from everyauth_cli.cli.login.browser import choose_browser, open_browser
from everyauth_cli.cli.login.surroundings import read_surroundings

WSL = "5.15.153.1-microsoft-standard-WSL2"
LINUX = "6.1.0-21-amd64"
SSH = {"SSH_CONNECTION": "1.2.3.4 1 5.6.7.8 22"}
URL = "https://auth.example/authorize?a=1&b=it's%20$HOME&c=`id`"
elsewhere = pytest.mark.skipif(sys.platform in ("darwin", "win32"), reason="there is always a display there")


def script(directory, name, text):
    path = directory / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def where(tmp_path):
    """Return a function that reads surroundings with nothing but `files` in the file system."""

    def read(environ, *, kernel=LINUX, files=()):
        for name in files:
            script(tmp_path, name, "exit 0")
        return read_surroundings({"PATH": str(tmp_path / "bin"), **environ}, kernel=kernel, root=tmp_path)

    read.root = tmp_path
    return read


OPENS = [
    ({"DISPLAY": ":0"}, {}, "", "your browser"),
    ({"WAYLAND_DISPLAY": "wayland-0"}, {}, "", "your browser"),
    ({"BROWSER": "lynx"}, {}, "", "BROWSER"),
    ({"BROWSER": "code --openExternal %s", **SSH}, {}, "", "BROWSER"),
    ({"BROWSER": "lynx"}, {"kernel": WSL, "files": ["bin/wslview"]}, "", "BROWSER"),
    ({"BROWSER": "lynx"}, {"files": [".dockerenv"]}, "", "BROWSER"),
    ({"DISPLAY": ":0"}, {"files": [".dockerenv"]}, "", "your browser"),
    ({"DISPLAY": ":0"}, {"kernel": WSL}, "", "your browser"),
    ({}, {"kernel": WSL, "files": ["bin/wslview", "bin/powershell.exe"]}, "bin/wslview", "Windows"),
    ({"DISPLAY": ":0"}, {"kernel": WSL, "files": ["bin/powershell.exe"]}, "bin/powershell.exe", "Windows"),
    (
        {},
        {"kernel": "4.4.0-19041-Microsoft", "files": ["mnt/c/Windows/System32/WindowsPowerShell/v1.0/powershell.exe"]},
        "mnt/c/Windows/System32/WindowsPowerShell/v1.0/powershell.exe",
        "Windows",
    ),
]
CANNOT_OPEN = [
    ({}, {}, "no display"),
    ({"BROWSER": "", "DISPLAY": ""}, {}, "no display"),
    ({"DISPLAY": ":0", **SSH}, {}, "an SSH session"),
    ({"DISPLAY": ":0", "SSH_TTY": "/dev/pts/0"}, {}, "an SSH session"),
    ({"DISPLAY": ":0", "SSH_CLIENT": "1.2.3.4 1 22"}, {}, "an SSH session"),
    (SSH, {"kernel": WSL, "files": ["bin/wslview"]}, "an SSH session"),
    ({}, {"kernel": WSL}, "no display"),
    ({}, {"kernel": WSL, "files": [".dockerenv", "bin/wslview"]}, "container"),
    ({}, {"files": ["run/.containerenv"]}, "container"),
    ({"container": "systemd-nspawn"}, {}, "container"),
    ({}, {"files": ["bin/wslview", "bin/powershell.exe"]}, "no display"),
]


@elsewhere
@pytest.mark.parametrize(("environ", "machine", "opener", "browser"), OPENS)
def test_a_browser_opens_if_one_can(where, environ, machine, opener, browser):
    choice = choose_browser(where(environ, **machine))
    assert choice.opener == (opener and str(where.root / opener))
    assert browser in choice.browser
    assert choice.reason == ""


@elsewhere
@pytest.mark.parametrize(("environ", "machine", "reason"), CANNOT_OPEN)
def test_without_a_browser_there_is_a_reason(where, environ, machine, reason):
    choice = choose_browser(where(environ, **machine))
    assert choice.opener is None
    assert re.fullmatch(rf"[A-Z][^.\n]*{reason}[^.\n]*\.", choice.reason)


class Outcome:
    """Records that a browser has failed."""

    def __init__(self):
        self.failed = threading.Event()

    def __call__(self):
        self.failed.set()


def wait_for(path):
    for _ in range(6000):
        if path.exists() and path.read_text():
            return path.read_text()
        threading.Event().wait(0.01)
    raise AssertionError(f"{path} was not written")


@pytest.mark.parametrize("name", ["wslview", "powershell.exe"])
def test_the_windows_browser_is_given_the_unchanged_url(where, tmp_path, name):
    seen = tmp_path / "seen"
    script(tmp_path, f"bin/{name}", f'printf "%s\\n" "$@" > {seen}.part; mv {seen}.part {seen}')
    outcome = Outcome()
    open_browser(choose_browser(where({}, kernel=WSL)).opener, URL, on_failure=outcome)
    given = wait_for(seen).splitlines()
    if name == "wslview":
        assert given == [URL]
    else:
        assert given[:-1] == ["-NoProfile", "-NonInteractive", "-EncodedCommand"]
        command = base64.b64decode(given[-1]).decode("utf-16-le")
        assert command == "Start-Process 'https://auth.example/authorize?a=1&b=it''s%20$HOME&c=`id`'"
    assert not outcome.failed.wait(0.1)


@pytest.mark.parametrize("text", ["exit 3", None])
def test_a_browser_that_does_not_open_is_noticed(tmp_path, text):
    path = script(tmp_path, "wslview", text) if text else Path(tmp_path / "missing")
    outcome = Outcome()
    open_browser(str(path), URL, on_failure=outcome)
    assert outcome.failed.wait(60)


OPEN = """
import sys
from everyauth_cli.cli.login.browser import open_browser
open_browser('', sys.argv[1], on_failure=print)
"""


@pytest.mark.slow
def test_the_browser_in_the_variable_survives_our_process(tmp_path):
    seen = tmp_path / "seen"
    path = script(tmp_path, "browser", f'sleep 0.2; printf "%s\\n" "$@" > {seen}.part; mv {seen}.part {seen}')
    environ = {**os.environ, "BROWSER": f"{shlex.quote(str(path))} --new %s"}
    subprocess.run([sys.executable, "-c", OPEN, URL], env=environ, check=True, timeout=60)
    assert wait_for(seen).splitlines() == ["--new", URL]
