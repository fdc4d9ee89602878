"""`everyauth demo`: show a whole login against the sandbox, by commands that it prints and runs."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from everyauth_cli.cli import app
from everyauth_cli.cli.app import command
from everyauth_cli.cli.interrupts import ended_cleanly
from everyauth_cli.cli.login.at_sandbox import demo_sandbox, sandbox_token
from everyauth_cli.cli.session import Session
from everyauth_cli.cli.style import Mark, Style
from everyauth_cli.errors import EveryAuthError, UsageProblem
from everyauth_cli.model import SANDBOX_PROFILE
from everyauth_cli.services import EXAMPLE
from everyauth_cli.settings import Settings, child_environment
from everyauth_cli.store.sealed.keys import new_key

TOKEN_LIFETIME = 5
# Without -P and -I, Python would import what is in the working directory.
PLAYER = f"{sys.executable} -P -m everyauth_cli.sandbox.user_agent %s"
TOKEN = "$(everyauth token pagerduty user-123)"
WITH_CURL = f'curl -H "Authorization: Bearer {TOKEN}" \\\n    {{url}}'
WITH_PYTHON = (
    f"python3 -I -c 'import sys, urllib.request as web; call = web.Request(sys.argv[2], headers={{{{"
    f'"Authorization": "Bearer " + sys.argv[1]}}}}); print(web.urlopen(call).read().decode())\' "{TOKEN}" {{url}}'
)
LONG = re.compile(r"[\w+.~-]{28,}")
"""Tokens, as far as they are printed: their beginnings tell one from another."""
SHOWN = 18
WIDEST = 76

Lines = Callable[[list[str]], Sequence[str]]


@command(app.app, "demo", examples=["everyauth demo"])
def demo(session: Session) -> None:
    """Show a whole login against a local sandbox.

    It prints and runs each command, in a temporary home: it needs no account, no network, no keyring and no browser. At
    a terminal it waits for Enter before each step.
    """
    if sys.platform == "win32":
        raise UsageProblem("the demo needs a POSIX shell", hint="run it in WSL, or try the sandbox: everyauth sandbox")
    with ended_cleanly(), tempfile.TemporaryDirectory(prefix="everyauth-demo-") as home:
        stage = Stage(session=session, environment=_environment(home))
        token = sandbox_token(Settings(config_dir=Path(home), data_dir=Path(home)))
        with demo_sandbox(token=token, token_lifetime=TOKEN_LIFETIME) as url:
            _journey(stage, f"{url}/{EXAMPLE}/account")
    if session.terminal.as_json:
        session.terminal.json({"steps": stage.played})
        return
    session.terminal.data("")
    session.terminal.data("That is all, and all of it is deleted. With a real account:")
    session.terminal.command(f"everyauth init {EXAMPLE}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """The environment of the demo, in which it runs each line as shown; `played` are the steps so far."""

    session: Session
    environment: dict[str, str]
    played: list[dict[str, object]] = field(default_factory=list)

    def step(self, title: str, line: str, lines: Lines, *, mark: Mark | None = None) -> None:
        """Wait for Enter, show and run a line, and show some lines of its output; raises `EveryAuthError`."""
        self._begin(f"{len(self.played) + 1}/6  {title}")
        for each in f"$ {line}".split("\n"):
            self._say(f"  {each}", style=Style.command)
        shell = ["/bin/sh", "-c", line]
        done = subprocess.run(shell, env=self.environment, capture_output=True, text=True, check=False)  # noqa: S603
        if done.returncode:
            raise EveryAuthError(f"the demo stopped, as that command failed: {done.stderr.strip() or done.stdout}")
        output = [_shortened(each) for each in lines((done.stdout or done.stderr).splitlines())]
        for each in output:
            self._print(mark, each)
        self.played.append({"title": title, "command": line, "output": output})

    def _begin(self, title: str) -> None:
        terminal = self.session.terminal
        if terminal.can_ask and terminal.is_table and not terminal.as_json:
            # What is typed ends the line, so that it is the one between two steps.
            terminal.wait("Press Enter for the first of six steps" if not self.played else "Press Enter")
        elif self.played:
            self._say("")
        self._say(title, style=Style.heading)

    def _print(self, mark: Mark | None, text: str) -> None:
        if not self.session.terminal.as_json:
            self.session.terminal.paragraph(f"  {mark} " if mark else "  ", text)
            self.session.terminal.stdout.flush()

    def _say(self, text: str, *, style: Style | None = None) -> None:
        if not self.session.terminal.as_json:
            self.session.terminal.data(text, style=style)
            self.session.terminal.stdout.flush()


def _journey(stage: Stage, url: str) -> None:
    call = (WITH_CURL if shutil.which("curl", path=stage.environment["PATH"]) else WITH_PYTHON).format(url=url)
    stage.step(
        "Log in: this machine plays PagerDuty, and you",
        "everyauth login pagerduty --sandbox --user user-123",
        lambda lines: [each for each in lines if each.startswith("Logged in")],
        mark=Mark.done,
    )
    stage.step("Get the credential, as an app gets it", "everyauth identity get user-123", _credential)
    stage.step("Call the API with the token", call, lambda lines: [_cut(each) for each in lines[:1]])
    stage.step(
        f"After {TOKEN_LIFETIME} s it has expired: the same command refreshes it",
        f"sleep {TOKEN_LIFETIME}; everyauth token pagerduty user-123",
        lambda lines: lines,
    )
    stage.step("See what is stored", "everyauth status", lambda lines: [each for each in lines if "\t" in each])
    stage.step("Log out", "everyauth logout pagerduty user-123", lambda lines: lines[:1], mark=Mark.done)


def _credential(lines: list[str]) -> list[str]:
    """Return the lines of a credential that say most."""
    return [each.strip() for each in lines if '"accessToken"' in each or '"userId"' in each or '"label"' in each]


def _cut(line: str) -> str:
    return line if len(line) <= WIDEST else f"{line[:WIDEST]}\N{HORIZONTAL ELLIPSIS}"


def _shortened(line: str) -> str:
    shown = line.replace("\t", "  ")
    return LONG.sub(lambda found: f"{found[0][:SHOWN]}\N{HORIZONTAL ELLIPSIS}", shown)


def _environment(home: str) -> dict[str, str]:
    scripts = os.path.dirname(sys.executable)  # noqa: PTH120 - a venv's python is a link that must not be followed
    environment = demo_environment(home, scripts)
    if shutil.which("everyauth", path=environment["PATH"]) is None:
        raise UsageProblem(
            "the command everyauth is not installed beside this Python", hint="pip install everyauth-cli"
        )
    return environment


def demo_environment(home: str, scripts: str) -> dict[str, str]:
    """An environment for the demo's commands: a home of their own, and nothing of ours that would reach outside it.

    `scripts` is the directory of the installed command. The browser is a program that plays the user. Credentials are
    sealed in a file of that home, and the OS keyring is out of reach, so nothing stays in it.
    """
    own = child_environment()
    kept = {name: value for name, value in own.items() if not name.startswith("EVERYAUTH_")}
    return {
        **kept,
        "EVERYAUTH_HOME": home,
        "EVERYAUTH_PROFILE": SANDBOX_PROFILE,
        "EVERYAUTH_STORE": "sqlite://",
        "EVERYAUTH_KEY": new_key().reveal(),
        "BROWSER": PLAYER,
        "PATH": os.pathsep.join([scripts, own.get("PATH", os.defpath)]),
        "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
    }
