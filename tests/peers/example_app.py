"""Runs the apps of tests/apps as people do: each in its own process, with a sandbox as its PagerDuty."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Container, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from conftest import Command
from peers.api import serving
from peers.ports import await_listener, free_port
from peers.sandbox import Shell, fetch, sandbox_shell

from everyauth_cli.sandbox.authorization_server import AuthorizationServer

APPS = Path(__file__).resolve().parents[1] / "apps"
PREFIX = "/connect/pagerduty"
# The words after `python -m`; the port follows.
SERVED = {
    "fastapi": ["uvicorn", "pagerduty_fastapi:app", "--port"],
    "flask": ["flask", "--app", "pagerduty_flask", "run", "--port"],
    "django": ["pagerduty_django", "runserver", "--noreload"],
}
# Runs a module as `python -m` does, with a clock that is ahead by the seconds that a file holds.
AHEAD = """
import runpy, sys, time
from pathlib import Path
now, ahead = time.time_ns, Path(sys.argv.pop(1))
time.time_ns = lambda: now() + int(ahead.read_text()) * 1_000_000_000
del sys.argv[0]
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
"""


@dataclass(frozen=True)
class ExampleApp:
    """A running app, and the sandbox that is its PagerDuty."""

    url: str
    server: AuthorizationServer
    log: Path
    ahead: Path

    @property
    def callback(self) -> str:
        return f"{self.url}{PREFIX}/callback"

    @property
    def redeemed(self) -> int:
        """The number of codes that were redeemed."""
        return self.server.counts["authorization_code"]

    @contextmanager
    def later(self, seconds: int) -> Iterator[None]:
        """Put the app's clock forward."""
        self.ahead.write_text(str(seconds))
        try:
            yield
        finally:
            self.ahead.write_text("0")


@dataclass(frozen=True)
class Issued(Container[str | None]):
    """The access tokens that a sandbox accepts."""

    server: AuthorizationServer

    def __contains__(self, token: object) -> bool:
        return isinstance(token, str) and self.server.user(token) is not None


@contextmanager
def example_app(framework: str, directory: Path) -> Iterator[ExampleApp]:
    """Run the app in a framework; its files are in the directory."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = Command(directory, directory / "home")
    with sandbox_shell(command, redirect_uri=f"{url}{PREFIX}/callback") as shell, serving() as api:
        api.accepted = Issued(shell.server)
        api.pages = {"/users/me": lambda call: {"user": person(shell.server.user(call.token))}}
        app = ExampleApp(url, shell.server, directory / "log", directory / "ahead")
        with app.later(0), running(framework, app, environment(shell, url, api.url)):
            yield app


def person(account: str | None) -> dict[str, str]:
    return {"name": "Ada <Lovelace>", "email": account or ""}


def environment(shell: Shell, url: str, api_url: str) -> dict[str, str]:
    """The environment variables that a deployment sets."""
    ours = {"BASE_URL": url, "PAGERDUTY_API_URL": api_url, "SECRET_KEY": "a secret of the app's own, for its sessions"}
    return shell.command.environment({**shell.env, **ours})


@contextmanager
def running(framework: str, app: ExampleApp, env: dict[str, str]) -> Iterator[None]:
    port = app.url.rpartition(":")[2]
    argv = [sys.executable, "-c", AHEAD, app.ahead, *SERVED[framework], port]
    with app.log.open("wb") as log, subprocess.Popen(argv, cwd=APPS, env=env, stdout=log, stderr=log) as process:
        try:
            wait(process, int(port), app)
            yield
        finally:
            process.terminate()


def wait(process: subprocess.Popen[bytes], port: int, app: ExampleApp) -> None:
    """Wait until the app itself, and no other server on its port, shows its first page."""
    await_listener(process, port, app.log)
    status, text = fetch(app.url)
    assert (status, "<title>On call</title>" in text) == (200, True), f"{text}\n{app.log.read_text()}"
