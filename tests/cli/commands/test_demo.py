"""`everyauth demo`: it runs what it shows, shows what happens, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import pytest
from peers.ports import free_port
from peers.sandbox import other_ports, use_free_ports
from peers.terminal import terminal

from everyauth_cli.cli.commands.demo import demo_environment

SECONDS = 120
TOKEN = re.compile(r"pdus\+_0\S+")
VARIES = {
    r"127\.0\.0\.1:\d+": "LOOPBACK",
    r"pdus\+_0[^\s\"…]+…?": "TOKEN",
    r"\d+ seconds?": "SPAN",
    r"/\S+/everyauth\.db": "DATABASE",
}


class Demo(NamedTuple):
    code: int
    out: str
    err: str
    environment: dict[str, str]
    left: list[str]
    processes: list[str]


class Step(NamedTuple):
    title: str
    line: str
    shown: list[str]


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
    found = []
    for paragraph in out.split("\n\n"):
        title, *lines = paragraph.splitlines()
        if re.match(r"\d/6  ", title):
            line, *shown = lines
            while line.endswith("\\"):
                line += "\n" + shown.pop(0)
            found.append(Step(title, line.removeprefix("  $ "), [each.strip() for each in shown]))
    return found


def shape(text: str) -> str:
    """A text without what is another one each time."""
    for pattern, word in VARIES.items():
        text = re.sub(pattern, word, text)
    return " ".join(text.split())


@pytest.mark.slow
def test_the_demo_ends_well_and_leaves_nothing_behind(demo):
    assert (demo.code, demo.err, demo.left, demo.processes) == (0, "", [], []), demo.out + demo.err


@pytest.mark.slow
def test_the_demo_is_six_steps_in_thirty_lines(demo):
    lines = demo.out.splitlines()
    assert len(lines) <= 30
    assert [step.title[:5] for step in steps(demo.out)] == [f"{number}/6  " for number in range(1, 7)]
    assert lines[-1] == "  everyauth init pagerduty"


@pytest.mark.slow
def test_the_demo_walks_the_whole_journey(demo):
    log_in, get, call, refresh, status, log_out = steps(demo.out)
    assert log_in.line == "everyauth login pagerduty --sandbox --user user-123"
    assert log_in.shown[0].startswith("✓ Logged in to ")
    assert get.line == "everyauth identity get user-123"
    assert '"accessToken": ' in get.shown[0]
    assert "$(everyauth token pagerduty user-123)" in call.line
    assert '"email": "user@example.com"' in call.shown[0]
    assert refresh.line == "sleep 5; everyauth token pagerduty user-123"
    assert status.line == "everyauth status"
    assert "user-123" in status.shown[-1]
    assert log_out.line == "everyauth logout pagerduty user-123"
    assert log_out.shown[0].startswith("✓ ")


@pytest.mark.slow
def test_tokens_are_shortened_and_the_second_is_another(demo):
    tokens = [token.strip('",') for token in TOKEN.findall(demo.out)]
    assert len(set(tokens)) == len(tokens) == 2
    assert all(len(token) <= 20 and token.endswith("…") for token in tokens)


@pytest.mark.slow
def test_every_line_of_the_demo_does_what_it_shows_when_it_is_typed(demo, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    base = demo_environment(str(home), "")
    own = {name: base[name] for name in base if name.startswith(("EVERYAUTH_", "PYTHON_KEYRING"))}
    environment = {**demo.environment, **own, "BROWSER": base["BROWSER"]}
    sandbox = ["everyauth", "sandbox", "--token-lifetime", "5s"]
    executable = shutil.which("everyauth", path=environment["PATH"])
    with subprocess.Popen(
        sandbox, executable=executable, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            assert process.stdout.readline()
            for step in steps(demo.out):
                done = typed(step.line, environment)
                for line in step.shown:
                    assert shape(line.removeprefix("✓ ").split("…")[0]) in shape(done), (step.line, done)
        finally:
            process.terminate()


def typed(line: str, environment: dict[str, str]) -> str:
    done = subprocess.run(
        ["/bin/sh", "-c", line], env=environment, capture_output=True, text=True, check=False, timeout=SECONDS
    )
    assert done.returncode == 0, (line, done)
    return done.stdout + done.stderr


@pytest.mark.slow
def test_as_json_the_steps_are_data(everyauth):
    use_free_ports(everyauth)
    everyauth.argv = (str(Path(sys.executable).parent / "everyauth"),)
    done = everyauth("demo", "-o", "json")
    assert (done.code, done.err) == (0, "")
    played = json.loads(done.out)["steps"]
    assert [step.keys() for step in played] == [{"title", "command", "output"}] * 6


@pytest.mark.slow
def test_at_a_terminal_each_step_waits_for_enter(everyauth):
    use_free_ports(everyauth)
    argv = [str(Path(sys.executable).parent / "everyauth"), "demo"]
    with terminal(argv, everyauth.environment({"TERM": "dumb"})) as shown:
        shown.wait_for("Press Enter for the first of six steps")
        for number in range(1, 7):
            assert f"{number}/6" not in shown.shown
            before = len(shown.shown)
            shown.type("\n")
            shown.wait_for(f"{number}/6")
            shown.wait_for("Press Enter" if number < 6 else "everyauth init pagerduty", since=before)
        assert shown.end() == 0


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupt_cleans_up(everyauth, tmp_path, number):
    use_free_ports(everyauth)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    everyauth.argv = (str(Path(sys.executable).parent / "everyauth"),)
    process = everyauth.start("demo", env={"TMPDIR": str(temporary), "DEMO": str(tmp_path)})
    line = ""
    while not line.startswith("4/6"):
        line = process.stdout.readline()
        assert line
    process.send_signal(number)
    out, err = process.communicate(timeout=SECONDS)
    assert (process.returncode, err, list(temporary.iterdir())) == (130, "", []), out
    end = time.monotonic() + SECONDS
    while running(f"DEMO={tmp_path}"):
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_port_that_is_taken_is_named(everyauth):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        everyauth.argv = (str(Path(sys.executable).parent / "everyauth"),)
        env = {"PYTHONPATH": other_ports(everyauth.directory / "ports", free_port(), port)}
        done = everyauth("demo", env=env)
    assert (done.code, done.out) == (2, "")
    assert str(port) in done.err


@pytest.mark.slow
def test_the_demo_imports_nothing_from_the_working_directory(everyauth, tmp_path):
    for name in ("everyauth_cli", "urllib", "sitecustomize", "http", "json"):
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'a').write('{name}\\n')")
    use_free_ports(everyauth)
    everyauth.argv = (str(Path(sys.executable).parent / "everyauth"),)
    done = everyauth("demo")
    assert done.code == 0, done
    assert not (tmp_path / "ran").exists(), (tmp_path / "ran").read_text()


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
