"""`everyauth demo`: it runs what it shows, shows what happens, and leaves nothing behind."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from typing import NamedTuple

import pytest
from peers.sandbox import free_port, other_ports, use_free_ports

SECONDS = 60
TOKEN = re.compile(r"^pdus\+_0\S+$", re.MULTILINE)
VARIES = {
    r"127\.0\.0\.1:\d+": "LOOPBACK",
    r"(state|code_challenge)=[\w-]+": r"\1",
    r"pdus\+_0\S+?\b(?=\"|$)": "TOKEN",
    r"eyJ[\w.-]+": "ID_TOKEN",
    r"idn-\w+": "ID",
    r"\b1\d{12}\b|\b20\d\d-\d\d-\d\dT[\d:]+Z": "TIME",
    r"\d+ seconds?": "SPAN",
}


class Demo(NamedTuple):
    code: int
    out: str
    err: str
    environment: dict[str, str]
    left: list[str]
    processes: list[str]


class Step(NamedTuple):
    line: str
    shown: str


@pytest.fixture(scope="module")
def directory(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def path(directory) -> str:
    """A search path on which the command `everyauth` is."""
    beside = Path(sys.executable).parent
    if not (beside / "everyauth").exists():
        beside = directory / "bin"
        beside.mkdir()
        script = beside / "everyauth"
        script.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m everyauth_cli "$@"\n')
        script.chmod(0o755)
    return os.pathsep.join([str(beside), os.environ["PATH"]])


@pytest.fixture(scope="module")
def demo(directory, path) -> Demo:
    """The demo, run once with nothing but a home."""
    home, temporary = directory / "home", directory / "tmp"
    home.mkdir()
    temporary.mkdir()
    environment = {"PATH": path, "HOME": str(home), "TMPDIR": str(temporary), "LANG": "C.UTF-8", "DEMO": str(directory)}
    environment["PYTHONPATH"] = other_ports(directory / "ports", free_port(), free_port())
    done = subprocess.run(
        ["everyauth", "demo"],
        executable=shutil.which("everyauth", path=path),
        env=environment,
        cwd=home,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )
    left = [str(found) for place in (home, temporary) for found in place.rglob("*")]
    return Demo(done.returncode, done.stdout, done.stderr, environment, left, running(f"DEMO={directory}"))


def running(mark: str) -> list[str]:
    """The commands of all processes that have an environment with that in it."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (process / "environ").read_bytes().split(b"\0"):
                found.append((process / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue
    return found


def steps(out: str) -> list[Step]:
    _, *parts = re.split(r"^\$ ", out, flags=re.MULTILINE)
    found = []
    for part in parts:
        line, _, shown = part.partition("\n")
        found.append(Step(line, re.split(r"\n# ", shown)[0].strip()))
    return found


def shape(text: str, home: str) -> str:
    """A text without what is another one each time."""
    text = text.replace(home, "HOME")
    for pattern, word in VARIES.items():
        text = re.sub(pattern, word, text, flags=re.MULTILINE)
    return text.strip()


def exported(demo: Demo, name: str) -> str:
    return shlex.split(re.search(rf"^export {name}=(.*)$", demo.out, re.MULTILINE)[1])[0]


@pytest.mark.slow
def test_the_demo_ends_well_and_leaves_nothing_behind(demo):
    assert (demo.code, demo.left, demo.processes) == (0, [], []), demo.out + demo.err
    assert exported(demo, "EVERYAUTH_HOME").startswith(demo.environment["TMPDIR"])
    assert "the demo acts as the user" in demo.out
    assert "Traceback" not in demo.out + demo.err


@pytest.mark.slow
def test_the_demo_walks_the_whole_journey(demo):
    lines = [step.line for step in steps(demo.out)]
    journey = [
        "everyauth store use sqlite://",
        "everyauth sandbox",
        "cat ",
        "everyauth service set pagerduty",
        "everyauth login pagerduty --user user-123",
        "everyauth identity ls",
        "everyauth identity get user-123",
        "everyauth token pagerduty user-123 |",
        "everyauth token pagerduty user-123",
        "sleep",
        "everyauth identity rm",
        "everyauth service rm",
    ]
    for start in journey:
        while lines and not lines[0].startswith(start):
            del lines[0]
        assert lines, f"{start!r} is missing, or not in its place"
    assert len(set(TOKEN.findall(demo.out))) == 2
    assert '"email": "user@example.com"' in demo.out


@pytest.mark.slow
def test_every_line_of_the_demo_does_what_it_shows_when_it_is_typed(demo, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    environment = {
        **demo.environment,
        "EVERYAUTH_HOME": str(home),
        "BROWSER": exported(demo, "BROWSER"),
        "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
    }
    background: list[subprocess.Popen[str]] = []
    theirs, mine = re.search(r"^token_endpoint = \"(http://127\.0\.0\.1:\d+)", demo.out, re.MULTILINE)[1], ""
    try:
        for line, shown in steps(demo.out):
            if line.endswith(" &"):
                process, mine = in_the_background(line.removesuffix(" &"), environment, home)
                background.append(process)
                continue
            typed = line.replace(theirs, mine)
            done = subprocess.run(
                ["/bin/sh", "-c", typed],
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
                timeout=SECONDS,
            )
            assert done.returncode == 0, (typed, done.stdout)
            assert shape(done.stdout, str(home)) == shape(shown, exported(demo, "EVERYAUTH_HOME"))
    finally:
        for process in background:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(SECONDS)


@pytest.mark.slow
def test_the_demo_imports_nothing_from_the_working_directory(everyauth, tmp_path):
    for name in ("everyauth_cli", "urllib", "sitecustomize", "http", "json"):
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'a').write('{name}\\n')")
    use_free_ports(everyauth)
    everyauth.argv = (str(Path(sys.executable).parent / "everyauth"),)
    done = everyauth("demo")
    assert done.code == 0, done
    assert not (tmp_path / "ran").exists(), (tmp_path / "ran").read_text()


def in_the_background(line: str, environment: dict[str, str], home: Path) -> tuple[subprocess.Popen[str], str]:
    """Start the sandbox, and wait until it has said where it is."""
    process = subprocess.Popen(
        ["/bin/sh", "-c", line], env=environment, stderr=subprocess.DEVNULL, start_new_session=True, text=True
    )
    entry = home / "services" / "pagerduty.toml"
    end = time.monotonic() + SECONDS
    while not (entry.exists() and entry.read_text().endswith("\n")):
        assert process.poll() is None, f"{line!r} ended at once"
        assert time.monotonic() < end
        time.sleep(0.02)
    return process, tomllib.loads(entry.read_text())["token_endpoint"].removesuffix("/pagerduty/token")


def test_without_the_installed_command_the_demo_says_how_to_install_it(everyauth, tmp_path):
    if (Path(sys.executable).parent / "everyauth").exists():
        # Another Python, beside which nothing is installed.
        python = tmp_path / "bin" / "python"
        python.parent.mkdir()
        python.symlink_to(sys.executable)
        everyauth.argv = (str(python), "-m", "everyauth_cli")
    paths = {"PATH": "/nonexistent", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = everyauth("demo", env=paths)
    assert (done.code, done.out) == (2, "")
    assert "the command everyauth is not installed beside this Python" in done.err
    assert "pip install everyauth-cli" in done.err
