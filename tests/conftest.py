"""Shared by all tests: an empty home, the command as a child process, and no silent skips in CI."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from peers.hints import check_hints

pytest_plugins = [
    "peers.oidc_provider",
    "peers.callback",
    "peers.visitor",
    "peers.completions",
    "peers.contract",
    "peers.chromium",
    "peers.web_world",
    "peers.postgres",
    "everyauth_cli.sandbox.pytest_plugin",
]

IN_CI = os.environ.get("CI") == "true"
# `tests/run coverage` sets these, and coverage reads them in every Python process.
COVERAGE = {name: os.environ[name] for name in ("COVERAGE_PROCESS_START", "COVERAGE_FILE") if name in os.environ}

# How long an example takes says how busy the machine is.
settings.register_profile("busy", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")

# Every Python that a test starts imports the installed package, whatever its working directory: without this, a program
# that is started in the checkout with -c or -m finds the checkout's package first.
os.environ["PYTHONSAFEPATH"] = "1"


def restore_signals() -> None:
    """Undo what `nohup` and a shell's `&` have ignored, since children inherit that and many tests send signals.

    A handler, unlike an ignored signal, is reset in a child. It does nothing, so that this process still outlives the
    terminal.
    """
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else lambda *_: None)


restore_signals()


@dataclass(frozen=True)
class Finished:
    """The result of a run of the command."""

    code: int
    out: str
    err: str


class Command:
    """The installed `everyauth`, run as a child process that inherits no environment."""

    argv = (sys.executable, "-m", "everyauth_cli")

    def __init__(self, directory: Path, home: Path) -> None:
        self.directory = directory
        self.home = home
        self.started: list[subprocess.Popen[str]] = []

    def __call__(
        self,
        *arguments: str | Path,
        env: Mapping[str, str] | None = None,
        input: str | None = None,  # noqa: A002  # the name that subprocess.run gives it
        timeout: float = 60,
    ) -> Finished:
        process = self.start(*arguments, env=env)
        out, err = process.communicate(input, timeout=timeout)
        check_hints([*map(str, arguments)], f"{out}\n{err}")
        return Finished(process.returncode, out, err)

    def start(self, *arguments: str | Path, env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        """Start it with pipes for all three streams; the fixture ends it after the test if it still runs."""
        process = subprocess.Popen(
            [*self.argv, *map(str, arguments)],
            cwd=self.directory,
            env=self.environment(env),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )
        self.started.append(process)
        return process

    def environment(self, extra: Mapping[str, str] | None = None) -> dict[str, str]:
        """The whole environment of the command: no display, bus, browser or proxy, unless in `extra`."""
        base = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.directory),
            "LANG": "C.UTF-8",
            "EVERYAUTH_HOME": str(self.home),
            **COVERAGE,
        }
        if path := os.environ.get("PYTHONPATH"):
            # The command runs in another directory, where a relative path would be another one.
            base["PYTHONPATH"] = os.pathsep.join(map(os.path.abspath, path.split(os.pathsep)))
        return base | dict(extra or {})

    def end(self) -> None:
        for process in self.started:
            process.kill()
            # Leaving the context closes the pipes and waits.
            with process:
                pass


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "everyauth-home"


@pytest.fixture
def everyauth(tmp_path: Path, home: Path) -> Iterator[Command]:
    command = Command(tmp_path, home)
    yield command
    command.end()


def _refuse_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    # An expected failure is reported as skipped too, but the test did run.
    if IN_CI and report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"{report.nodeid} was skipped, which counts as a failure in CI. {reason}"


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    _refuse_skip(report)
    return report


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    _refuse_skip(report)
    return report
