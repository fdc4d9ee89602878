"""`everyauth demo`: show a whole login against the sandbox, by commands that it prints and runs."""

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
# Without -P and -I, Python would import what is in the working directory.
PLAYER = f"{sys.executable} -P -m everyauth_cli.sandbox.user_agent %s"
API_CALL = (
    "everyauth token pagerduty user-123 | python3 -I -c 'import sys, urllib.request as web; "
    'print(web.urlopen(web.Request("{url}/account", '
    'headers={{"Authorization": "Bearer " + sys.stdin.read().strip()}})).read().decode())\''
)


@command(app.app, "demo", examples=["everyauth demo"])
def demo(session: Session) -> None:
    """Show a whole login against a local sandbox.

    It prints and runs each command, in a temporary home: it needs no account, no network and no keyring.
    """
    if sys.platform == "win32":
        raise UsageProblem("the demo needs a POSIX shell", hint="run it in WSL, or try the sandbox: everyauth sandbox")
    with tempfile.TemporaryDirectory(prefix="everyauth-demo-") as home:
        stage = Stage(session=session, home=Path(home), environment=_environment(session, home))
        stage.say("This runs in a temporary home, which is deleted at the end:")
        stage.say(f"export EVERYAUTH_HOME={home}")
        with _sandbox(stage) as url:
            _journey(stage, url)
    session.terminal.info("")
    session.terminal.info("Done: the sandbox is stopped and the home deleted.")
    session.terminal.info(
        "Next, with PagerDuty itself: see the README's first login, or run everyauth service get pagerduty"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """The home and environment of the demo, in which it runs each line as shown."""

    session: Session
    home: Path
    environment: dict[str, str]

    def say(self, text: str) -> None:
        """Print on stdout, in order with the output of the commands."""
        self.session.terminal.text(text)
        self.session.terminal.stdout.flush()

    def run(self, line: str, about: str) -> None:
        """Show and run a line; raises `EveryAuthError` when it fails."""
        self.say(f"\n# {about}\n$ {line}")
        done = subprocess.run(  # noqa: S603
            ["/bin/sh", "-c", line], env=self.environment, stderr=subprocess.STDOUT, check=False
        )
        if done.returncode:
            raise EveryAuthError(f"the demo stopped: the exit code of that command was {done.returncode}")


def _environment(session: Session, home: str) -> dict[str, str]:
    scripts = os.path.dirname(sys.executable)  # noqa: PTH120 - a venv's python is a link that must not be followed
    environment = demo_environment(home, scripts)
    if shutil.which("everyauth", path=environment["PATH"]) is None:
        raise UsageProblem(
            "the command everyauth is not installed beside this Python", hint="pip install everyauth-cli"
        )
    choice = choose_browser(read_surroundings())
    if choice.opener is None:
        session.terminal.data(f"{choice.reason} Instead, the demo acts as the user:")
        session.terminal.data(f"export BROWSER='{PLAYER}'")
        environment["BROWSER"] = PLAYER
    return environment


def _journey(stage: Stage, url: str) -> None:
    stage.run(f'cat "$EVERYAUTH_HOME/{OVERRIDE}"', "This file replaces PagerDuty's endpoints by the sandbox's")
    stage.run(
        'everyauth service set pagerduty --scope "read write" --clientId sandbox-client '
        "--clientSecret sandbox-secret-not-a-real-secret",
        "Set our client at the service",
    )
    stage.run("everyauth login pagerduty --user user-123", "Log in: the user allows it in the browser")
    stage.run("everyauth identity ls", "List identities, which reads no secret")
    stage.run("everyauth identity get user-123", "Get the credential as an app gets it")
    stage.run(API_CALL.format(url=url), "Call the API with the token")
    stage.run("everyauth token pagerduty user-123", f"Print the bare token, whose lifetime is {TOKEN_LIFETIME} s here")
    stage.run(
        f"sleep {TOKEN_LIFETIME}; everyauth token pagerduty user-123",
        "It has expired by now: the same command refreshes it and prints a new one",
    )
    stage.run("everyauth identity rm pagerduty user-123 --yes", "Delete the identity")
    stage.run("everyauth service rm pagerduty --yes", "Remove our client")


@contextmanager
def _sandbox(stage: Stage) -> Iterator[str]:
    """Run the sandbox in the background during the block; yields its URL."""
    stage.run("everyauth store use sqlite://", "Store credentials sealed in a file, since there may be no keyring here")
    stage.run('mkdir -p "$EVERYAUTH_HOME/services"', "A service's file in it overrides the catalogue")
    line = f'everyauth sandbox --port 0 --token-lifetime {TOKEN_LIFETIME}s > "$EVERYAUTH_HOME/{OVERRIDE}"'
    stage.say(f"\n# Start a small authorization server that responds as PagerDuty does\n$ {line} &")
    process = subprocess.Popen(  # noqa: S603
        ["/bin/sh", "-c", line], env=stage.environment, start_new_session=True, stderr=sys.stdout
    )
    try:
        yield _address(stage.home / OVERRIDE, process)
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()


def _address(path: Path, process: subprocess.Popen[bytes]) -> str:
    """Return the sandbox's URL, once it has written it into the file."""
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
