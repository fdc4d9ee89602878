"""`everyauth demo`: the whole journey against the sandbox, each line shown being a command that is run."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from everyauth_cli.cli import app
from everyauth_cli.cli.app import command
from everyauth_cli.cli.login.browser import choose_browser
from everyauth_cli.cli.login.surroundings import read_surroundings
from everyauth_cli.cli.session import Session
from everyauth_cli.errors import EveryAuthError, UsageProblem
from everyauth_cli.settings import child_environment

TOKEN_LIFETIME = 5
SANDBOX_SECONDS = 15.0
OVERRIDE = "services/pagerduty.toml"
PLAYER = f"{sys.executable} -m everyauth_cli.sandbox.user_agent %s"
API_CALL = (
    "everyauth token pagerduty user-123 | python3 -c 'import sys, urllib.request as web; "
    'print(web.urlopen(web.Request("{url}/account", '
    'headers={{"Authorization": "Bearer " + sys.stdin.read().strip()}})).read().decode())\''
)


@command(app.app, "demo")
def demo(session: Session) -> None:
    """Walk the whole journey against a sandbox in a throw-away home: no account, no network, no keyring."""
    if sys.platform == "win32":
        raise UsageProblem("the demo's lines are for a POSIX shell", hint="run it in WSL, or try `everyauth sandbox`")
    with tempfile.TemporaryDirectory(prefix="everyauth-demo-") as home:
        stage = Stage(session=session, home=Path(home), environment=_environment(session, home))
        stage.say("This runs in a home of its own, which is deleted at the end:")
        stage.say(f"export EVERYAUTH_HOME={home}")
        with _sandbox(stage) as url:
            _journey(stage, url)
    session.terminal.note("\nThat was it: the sandbox is stopped and the home deleted.")
    session.terminal.note(
        "Next, with PagerDuty itself: the README's first login, or `everyauth service get pagerduty`."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Where the demo plays: it shows a line and runs it, unchanged."""

    session: Session
    home: Path
    environment: dict[str, str]

    def say(self, text: str) -> None:
        """Tell the story on stdout, among what the lines print."""
        self.session.terminal.data(text)
        self.session.terminal.stdout.flush()

    def run(self, line: str, about: str) -> None:
        """Show and run a line; raises `EveryAuthError` when it fails."""
        self.say(f"\n# {about}\n$ {line}")
        done = subprocess.run(  # noqa: S603
            ["/bin/sh", "-c", line], env=self.environment, stderr=subprocess.STDOUT, check=False
        )
        if done.returncode:
            raise EveryAuthError(f"the demo ended early: that line's exit code was {done.returncode}")


def _environment(session: Session, home: str) -> dict[str, str]:
    scripts = os.path.dirname(sys.executable)  # noqa: PTH120 - a venv's python is a link that must not be followed
    environment = demo_environment(home, scripts)
    if shutil.which("everyauth", path=environment["PATH"]) is None:
        raise UsageProblem(
            "the command everyauth is not installed beside this Python", hint="pip install everyauth-cli"
        )
    choice = choose_browser(read_surroundings())
    if choice.opener is None:
        session.terminal.data(f"{choice.reason} Instead, the demo plays the person at it:")
        session.terminal.data(f"export BROWSER='{PLAYER}'")
        environment["BROWSER"] = PLAYER
    return environment


def _journey(stage: Stage, url: str) -> None:
    stage.run(f'cat "$EVERYAUTH_HOME/{OVERRIDE}"', "With this file, PagerDuty's endpoints are the sandbox's")
    stage.run(
        'everyauth service set pagerduty --scope "read write" --clientId sandbox-client '
        "--clientSecret sandbox-secret-not-a-real-secret",
        "Say who we are at the service",
    )
    stage.run("everyauth login pagerduty --user user-123", "Log in: a person allows it in the browser")
    stage.run("everyauth identity ls", "What is held now; listing touches no secret")
    stage.run("everyauth identity get user-123", "The credential, as an app gets it")
    stage.run(API_CALL.format(url=url), "Call the API with the token")
    stage.run("everyauth token pagerduty user-123", f"The bare token, which lives for {TOKEN_LIFETIME} s here")
    stage.run(
        f"sleep {TOKEN_LIFETIME}; everyauth token pagerduty user-123",
        "After that it has expired: the same command refreshes it and prints another",
    )
    stage.run("everyauth identity rm pagerduty user-123 --yes", "Delete the identity")
    stage.run("everyauth service rm pagerduty --yes", "And our registration")


@contextmanager
def _sandbox(stage: Stage) -> Iterator[str]:
    """The sandbox in the background while the journey lasts; gives its address for the service."""
    stage.run("everyauth store use sqlite://", "Keep credentials sealed in a file, since there may be no keyring here")
    stage.run('mkdir -p "$EVERYAUTH_HOME/services"', "A service's own file there goes before the catalogue")
    line = f'everyauth sandbox --port 0 --token-lifetime {TOKEN_LIFETIME}s > "$EVERYAUTH_HOME/{OVERRIDE}"'
    stage.say(f"\n# A small authorization server that answers as PagerDuty does\n$ {line} &")
    process = subprocess.Popen(  # noqa: S603
        ["/bin/sh", "-c", line], env=stage.environment, start_new_session=True, stderr=sys.stdout
    )
    try:
        yield _address(stage.home / OVERRIDE, process)
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()


def _address(path: Path, process: subprocess.Popen[bytes]) -> str:
    """The sandbox's address, as soon as it has written where it is."""
    end = time.monotonic() + SANDBOX_SECONDS
    while time.monotonic() < end and process.poll() is None:
        url = tomllib.loads(path.read_text()).get("token_endpoint") if path.exists() else None
        if url:
            return str(url).removesuffix("/token")
        time.sleep(0.05)
    raise EveryAuthError("the sandbox did not start")


def demo_environment(home: str, scripts: str) -> dict[str, str]:
    """An environment for the demo's commands: a home of their own, and nothing of ours that would reach outside it.

    `scripts` is the directory of the installed command. The OS keyring is out of reach, so nothing stays in it.
    """
    own = child_environment()
    kept = {name: value for name, value in own.items() if not name.startswith("EVERYAUTH_")}
    return {
        **kept,
        "EVERYAUTH_HOME": home,
        "PATH": os.pathsep.join([scripts, own.get("PATH", os.defpath)]),
        "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
    }
