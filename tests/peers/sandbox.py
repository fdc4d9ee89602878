"""Runs the command against a sandbox of PagerDuty in the test's process, with one clock for both."""

from __future__ import annotations

import base64
import json
import re
import shlex
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.error import HTTPError
from urllib.parse import parse_qsl, urlsplit
from urllib.request import ProxyHandler, Request, build_opener

from peers.ports import free_port

from everyauth_cli.everyauth import EveryAuth
from everyauth_cli.model import Secret
from everyauth_cli.sandbox.authorization_server import AuthorizationServer
from everyauth_cli.sandbox.sent_response import DEFAULT_ACCOUNT as ACCOUNT
from everyauth_cli.sandbox.server import Sandbox
from everyauth_cli.services.catalogue import Catalogue
from everyauth_cli.settings import read_settings
from everyauth_cli.store.from_settings import store_of
from everyauth_cli.transport import send

if TYPE_CHECKING:
    from conftest import Command, Finished

NAME = "pagerduty"
KEY = base64.urlsafe_b64encode(bytes(range(32))).decode()
SEALED = {"EVERYAUTH_STORE": "sqlite://", "EVERYAUTH_KEY": KEY}
TOKEN_LIFETIME = 3600
SECRET = re.compile(rf"pdus\+_|eyJ[\w-]*\.|sandbox-secret-not-a-real-secret|{re.escape(KEY)}")

# Runs the command with a clock that is ahead by this many milliseconds.
LATER = """
import sys, time
from everyauth_cli.__main__ import main
now, ahead = time.time_ns, int(sys.argv.pop(1)) * 1_000_000
time.time_ns = lambda: now() + ahead
main()
"""

# Python runs this in every child that has its directory on PYTHONPATH: another program may use the real default ports.
OTHER_PORTS = """
from everyauth_cli import model
from everyauth_cli.sandbox import detection

model.DEFAULT_PORT, detection.DEFAULT_SANDBOX_PORT = {}, {}
"""


class Clock:
    """The clock of the sandbox and of the commands: it runs, and can be put forward."""

    def __init__(self) -> None:
        self.ahead = 0

    def __call__(self) -> int:
        return time.time_ns() // 1_000_000 + self.ahead

    def tick(self, seconds: float) -> None:
        self.ahead += round(seconds * 1000)


class Shell:
    """Runs command lines as typed, in a home whose PagerDuty is the sandbox."""

    def __init__(self, command: Command, sandbox: Sandbox, clock: Clock) -> None:
        self.command = command
        self.sandbox = sandbox
        self.clock = clock
        self.prefix: tuple[str, ...] = ()
        self.env: dict[str, str] = {**SEALED, "BROWSER": browser()}
        self.entry()

    @property
    def server(self) -> AuthorizationServer:
        return self.sandbox.server(NAME)

    @property
    def counts(self) -> Mapping[str, int]:
        """The number of token requests at the sandbox, by their outcome."""
        return self.server.counts

    def entry(self, **keys: object) -> None:
        """Write the user's own service file: PagerDuty's endpoints are the sandbox's, except for `keys`."""
        path = self.command.home / "services" / "pagerduty.toml"
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = {**self.sandbox.override(NAME), **keys}.items()
        path.write_text("".join(f"{key} = {json.dumps(value)}\n" for key, value in lines), encoding="utf-8")

    def move(self, **keys: object) -> None:
        """Write it, and confirm that the client's secret goes there."""
        self.entry(**keys)
        auth = self.auth
        auth.clients.set(auth.catalogue.get("pagerduty"), client_secret=Secret(self.sandbox.client_secret))

    def __call__(
        self,
        line: str,
        *,
        env: Mapping[str, str] | None = None,
        input: str | None = None,  # noqa: A002
    ) -> Finished:
        with self._at_the_time():
            return self.command(*_words(line), env={**self.env, **(env or {})}, input=input)

    def start(self, line: str, *, env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        with self._at_the_time():
            return self.command.start(*_words(line), env={**self.env, **(env or {})})

    def good(self, line: str, *, env: Mapping[str, str] | None = None, input: str | None = None) -> str:  # noqa: A002
        """Run a line that must succeed, and return its standard output."""
        done = self(line, env=env, input=input)
        assert done.code == 0, f"{line}: {done}"
        assert not SECRET.search(done.err), done.err
        return done.out

    def bad(
        self,
        line: str,
        exit_code: int,
        *says: str,
        env: Mapping[str, str] | None = None,
        input: str | None = None,  # noqa: A002
    ) -> str:
        """Run a line that must fail with an empty standard output, and return its standard error."""
        return _bad(line, self(line, env=env, input=input), exit_code, *says)

    def bad_both(self, line: str, exit_code: int, code: str, *says: str) -> str:
        """Run a line that must fail with the same message as text and as JSON; both at once, except for logins."""
        if " login " in line:
            plain, as_json = self(line), self(f"{line} -o json")
        else:
            beside = Background(self, f"{line} -o json")
            plain, as_json = self(line), beside.result()
        error = json.loads(_bad(line, as_json, exit_code).splitlines()[-1])["error"]
        assert list(error) == ["code", "message", "hint"]
        assert error["code"] == code, error
        missing = [text for text in says if text not in f"{error['message']}\n{error['hint']}"]
        assert not missing, f"{missing} is not in: {error}"
        return _bad(line, plain, exit_code, *says)

    @property
    def auth(self) -> EveryAuth:
        """The library over the same home, for a test's preparations."""
        settings = read_settings(self.command.environment(self.env))
        return EveryAuth(
            store=store_of(settings),
            catalogue=Catalogue(settings.services_dir),
            send=send,
            clock=self.clock,
            profile=settings.profile,
        )

    def register(self) -> None:
        """Set the client and the redirect URI that are registered at the sandbox."""
        auth, uri = self.auth, self.sandbox.redirect_uri
        auth.clients.set(
            auth.catalogue.get("pagerduty"),
            client_id=self.sandbox.client_id,
            client_secret=Secret(self.sandbox.client_secret),
            scope="read write",
            **({"redirect_uri": uri} if uri.startswith("https") else {"port": urlsplit(uri).port}),
        )

    def log_in(
        self, user: str = "me", *, tenant: str = "", account: str = ACCOUNT, tags: Mapping[str, str] | None = None
    ) -> None:
        """Log in without a browser, as `account` at the sandbox."""
        auth = self.auth
        pending = auth.begin(
            "pagerduty", redirect_uri=self.sandbox.redirect_uri, user=user, tenant=tenant, tags=tags or {}
        )
        came_back = self.allow(auth.authorization_url(pending), account=account)
        auth.keep(auth.redeem(pending, parse_qsl(urlsplit(came_back).query)))

    def allow(self, url: str, *, account: str = ACCOUNT) -> str:
        """Allow an authorization request, and return the URL that a browser would be redirected to."""
        request = self.server.authorize(dict(parse_qsl(urlsplit(url).query)))
        return self.server.allow(request.transaction, user=account)

    def token(self, user: str = "me") -> str:
        return self.good(f"everyauth token pagerduty {user}").strip()

    def identities(self, options: str = "") -> list[dict[str, object]]:
        return json.loads(self.good(f"everyauth identity ls -o json {options}"))["items"]

    def works(self, token: str) -> bool:
        """Whether the sandbox's API accepts a token."""
        return self.server.user(token) is not None

    @contextmanager
    def _at_the_time(self) -> Iterator[None]:
        later = (sys.executable, "-c", LATER, str(self.clock.ahead))
        self.command.argv = self.prefix + (later if self.clock.ahead else type(self.command).argv)
        yield


@contextmanager
def sandbox_shell(
    command: Command,
    *,
    port: int | None = None,
    registered: bool = True,
    callback: str = "pagerduty",
    redirect_uri: str = "",
) -> Iterator[Shell]:
    """Run a shell with its own sandbox; without a `port` the redirect URI has a free one."""
    clock = Clock()
    redirect_uri = redirect_uri or f"http://127.0.0.1:{port or free_port()}/callback/{callback}"
    with Sandbox(token_lifetime=TOKEN_LIFETIME, redirect_uri=redirect_uri, clock=clock) as sandbox:
        shell = Shell(command, sandbox, clock)
        if registered:
            shell.register()
        yield shell


def browser(*options: str) -> str:
    """Return a value for `BROWSER` that plays the person at the sandbox."""
    return f"{shlex.join([sys.executable, '-m', 'everyauth_cli.sandbox.user_agent', *options])} %s"


def witness(path: Path) -> str:
    """Return a value for `BROWSER` that only creates a file."""
    return f"{shlex.join(['touch', str(path)])} %s"


def other_ports(directory: Path, *ports: int) -> str:
    """Return a value for `PYTHONPATH` with which the default ports are these: the redirect URI's and the sandbox's."""
    directory.mkdir()
    (directory / "sitecustomize.py").write_text(OTHER_PORTS.format(*ports))
    return str(directory)


def use_free_ports(command: Command) -> tuple[int, int]:
    """Give the command free default ports, and return them: the redirect URI's and the sandbox's."""
    ports = free_port(), free_port()
    plain, path = command.environment, other_ports(command.directory / "ports", *ports)
    command.environment = lambda extra=None: plain({"PYTHONPATH": path, **(extra or {})})
    return ports


def authorization_url(process: subprocess.Popen[str]) -> str:
    """Return the URL that a login prints on a line of its own."""
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("http"):
            return line.rstrip("\n")
    raise AssertionError(f"no URL was shown; exit code {process.wait()}")


def fetch(url: str) -> tuple[int, str]:
    """GET as a browser does, and return the status and the page."""
    try:
        response = build_opener(ProxyHandler({})).open(Request(url), timeout=60)
    except HTTPError as error:
        response = error
    with response:
        return response.status, response.read().decode()


class Background:
    """A call in a thread of its own; `result` waits for it."""

    def __init__(self, call, *arguments) -> None:
        self._outcome: list[object] = []
        self._thread = threading.Thread(target=lambda: self._outcome.append(call(*arguments)))
        self._thread.start()

    def result(self, timeout: float = 30):
        self._thread.join(timeout)
        assert self._outcome, "it did not end"
        return self._outcome[0]


def _bad(line: str, done: Finished, exit_code: int, *says: str) -> str:
    assert (done.code, done.out) == (exit_code, ""), f"{line}: {done}"
    assert "Traceback" not in done.err, done.err
    assert not SECRET.search(done.err), done.err
    missing = [text for text in says if text not in done.err]
    assert not missing, f"{line}: {missing} is not in: {done.err}"
    return done.err


def _words(line: str) -> list[str]:
    first, *words = shlex.split(line)
    assert first == "everyauth"
    return words
