"""`everyauth sandbox` as it is typed: its output, its options, and its faults as commands show them."""

from __future__ import annotations

import re
import shlex
import signal
from urllib.parse import urlencode

import pytest
from peers.sandbox import KEY, browser, fetch

from everyauth_cli.sandbox.faults import Fault

pytestmark = pytest.mark.slow

ENV = {"EVERYAUTH_STORE": "sqlite://", "EVERYAUTH_KEY": KEY, "BROWSER": browser()}
ACME = """
authorization_endpoint = "https://{host}.example/authorize"
token_endpoint = "https://{host}.example/token"
revocation_endpoint = "https://{host}.example/revoke"
account_endpoint = "https://{host}.example/me?v=2"
any_port = true

[params.host]
help = "The host."
"""


class Sandbox:
    """`everyauth sandbox` in another terminal, in a home with the service `acme`."""

    def __init__(self, command, *options: str) -> None:
        self.command = command
        services = command.home / "services"
        services.mkdir(parents=True, exist_ok=True)
        (services / "acme.toml").write_text(ACME)
        self.process = command.start("sandbox", "--port", "0", "--like", "acme", *options, env=ENV)
        self.stderr = ""
        while "everyauth service set" not in self.stderr:
            self.stderr += self.process.stderr.readline()
        # All of it was written before.
        self.entry = "".join(self.process.stdout.readline() for _ in range(4))

    def __call__(self, line: str, **more):
        return self.command(*shlex.split(line)[1:], env=ENV, **more)

    def good(self, line: str, **more) -> str:
        done = self(line, **more)
        assert done.code == 0, done
        return done.out

    def use(self) -> None:
        """Do what it says: put its lines in the entry, and set its client."""
        lines = [line for line in ACME.splitlines() if "_endpoint" not in line]
        (self.command.home / "services" / "acme.toml").write_text("\n".join([self.entry, *lines]))
        self.good(self.stderr.splitlines()[-1])


def test_the_redirect_uri_of_a_web_app_can_be_registered(everyauth):
    uri = "http://127.0.0.1:8000/connect/acme/callback"
    sandbox = Sandbox(everyauth, "--redirect-uri", uri)
    authorize = re.search(r'authorization_endpoint = "(.*)"', sandbox.entry)[1]
    query = {
        "response_type": "code",
        "client_id": "sandbox-client",
        "state": "s" * 22,
        "code_challenge": "c" * 43,
        "code_challenge_method": "S256",
    }
    status, page = fetch(f"{authorize}?{urlencode({**query, 'redirect_uri': uri})}")
    assert status == 200, page
    status, page = fetch(f"{authorize}?{urlencode({**query, 'redirect_uri': 'http://127.0.0.1:28282/callback/acme'})}")
    assert (status, "not registered" in page) == (400, True)


QUERY = {
    "response_type": "code",
    "client_id": "sandbox-client",
    "state": "s" * 22,
    "code_challenge": "c" * 43,
    "code_challenge_method": "S256",
}


def status_of(sandbox: Sandbox, uri: str) -> int:
    authorize = re.search(r'authorization_endpoint = "(.*)"', sandbox.entry)[1]
    return fetch(f"{authorize}?{urlencode({**QUERY, 'redirect_uri': uri})}")[0]


def test_several_redirect_uris_are_registered(everyauth):
    uris = [f"http://127.0.0.1:8000/connect/{name}/callback" for name in ("acme", "other")]
    sandbox = Sandbox(everyauth, *(word for uri in uris for word in ("--redirect-uri", uri)))
    assert [status_of(sandbox, uri) for uri in uris] == [200, 200]
    assert all(uri in sandbox.stderr for uri in uris)
    assert status_of(sandbox, "http://127.0.0.1:8000/connect/third/callback") == 400


@pytest.mark.parametrize(
    ("uri", "status"),
    [
        ("http://127.0.0.1:8000/any/callback", 200),
        ("http://localhost:3000/cb?next=1", 200),
        ("http://[::1]:5000/cb", 200),
        ("https://app.example/cb", 400),
        ("http://127.0.0.1.evil.example/cb", 400),
        ("http://localhost:80@evil.example/cb", 400),
    ],
)
def test_any_on_loopback_is_taken_where_none_is_named(everyauth, uri, status):
    assert status_of(Sandbox(everyauth), uri) == status


def installed(everyauth, *options: str):
    process = everyauth.start("sandbox", "--port", "0", "--install", "pagerduty", *options, env=ENV)
    path = process.stdout.readline().strip()
    stderr = ""
    while "everyauth service set" not in stderr:
        stderr += process.stderr.readline()
    return process, everyauth.home / "services" / "pagerduty.toml", path, stderr.splitlines()[-1]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_it_installs_itself_and_undoes_that_at_its_end(everyauth, number):
    process, path, shown, command = installed(everyauth)
    assert shown == str(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert everyauth(*shlex.split(command)[1:], env=ENV).code == 0
    assert everyauth("login", "pagerduty", env=ENV).code == 0
    assert everyauth("token", "pagerduty", env=ENV).out.startswith("pdus+_0XSANDBX")
    process.send_signal(number)
    assert process.wait(60) == 130
    assert not path.exists()
    # The client that is set by now stays as it is.
    process, _, _, command = installed(everyauth)
    assert command.endswith("--profile try")


def test_what_a_killed_sandbox_left_is_replaced(everyauth):
    process, path, *_ = installed(everyauth)
    process.kill()
    process.wait()
    assert path.exists()
    process, *_ = installed(everyauth)
    process.terminate()
    process.wait(60)
    assert not path.exists()


def test_a_file_of_the_user_is_never_overwritten_or_deleted(everyauth):
    process, path, *_ = installed(everyauth)
    path.write_text("# mine\n")
    process.terminate()
    process.wait(60)
    assert path.read_text() == "# mine\n"
    done = everyauth("sandbox", "--port", "0", "--install", "pagerduty", env=ENV)
    assert (done.code, done.out) == (2, "")
    assert "stays as it is" in done.err
    assert path.read_text() == "# mine\n"


def test_its_output_sends_a_service_of_the_users_to_it(everyauth):
    sandbox = Sandbox(everyauth)
    base = re.search(r"The sandbox is at (http://127\.0\.0\.1:\d+), for every service", sandbox.stderr)[1]
    assert sandbox.entry.splitlines() == [
        f'authorization_endpoint = "{base}/acme/authorize"',
        f'token_endpoint = "{base}/acme/token"',
        f'revocation_endpoint = "{base}/acme/revoke"',
        f'account_endpoint = "{base}/acme/account?v=2"',
    ]
    assert (
        "--client-id sandbox-client --client-secret sandbox-secret-not-a-real-secret --param host=sandbox\n"
        in sandbox.stderr
    )
    sandbox.use()
    assert sandbox.good("everyauth login acme") == ""
    first = sandbox.good("everyauth token acme")
    assert first.startswith("sandbox-access-")
    assert sandbox.good("everyauth token acme --rejected", input=first) != first
    assert "user@example.com" in sandbox.good("everyauth identity ls")
    assert sandbox.good("everyauth logout acme") == ""


SHOWN = {
    Fault.SERVER_ERROR: (5, "acme answers HTTP 500"),
    Fault.TOO_MANY: (5, "acme answers HTTP 429, and asks to wait 30 s"),
    Fault.HTML: (5, "acme answered with text/html where JSON was expected"),
    Fault.DROP: (5, "the connection to 127.0.0.1 broke"),
    Fault.REVOKED: (4, "must log in at acme again: acme answered invalid_grant ("),
    Fault.REUSE: (4, "must log in at acme again: acme answered invalid_grant ("),
}


@pytest.mark.parametrize("fault", SHOWN)
def test_a_fault_is_shown_with_its_exit_code_and_nothing_on_stdout(everyauth, fault):
    sandbox = Sandbox(everyauth, "--fault", fault)
    sandbox.use()
    sandbox.good("everyauth login acme")
    token = sandbox.good("everyauth token acme")
    done = sandbox("everyauth token acme --rejected", input=token)
    code, says = SHOWN[fault]
    assert (done.code, done.out) == (code, ""), done
    assert says in done.err
    assert token.strip() not in done.err
    assert ("try: everyauth login acme" in done.err) == (code == 4)
    assert "me" in sandbox.good("everyauth identity ls")


@pytest.mark.parametrize(
    ("options", "code", "says"),
    [
        ("--like pagerdoody", 3, "did you mean pagerduty?"),
        ("--fault meteor", 2, "'drop-after-rotation'"),
        ("--token-lifetime long", 2, "is not a duration"),
        ("--port 70000", 2, "65535"),
    ],
)
def test_unknown_values_are_usage_errors(everyauth, options, code, says):
    done = everyauth("sandbox", *options.split(), env=ENV)
    assert (done.code, done.out) == (code, "")
    assert says in done.err


def test_help_names_each_fault(everyauth):
    # Lines may break after a hyphen.
    shown = "".join(everyauth("sandbox", "--help").out.split())
    assert not [fault for fault in Fault if f"{fault}:" not in shown]
