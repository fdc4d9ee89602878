"""Several processes at one identity: one refresh for all, nothing newer overwritten, nothing deleted brought back."""

from __future__ import annotations

import json
import signal
import subprocess

import pytest
from peers.front import Gate, front
from peers.oidc_provider import running
from peers.sandbox import SEALED, TOKEN_LIFETIME, authorization_url, sandbox_shell
from peers.secret_service import secret_service

pytestmark = pytest.mark.slow

PROCESSES = 16


@pytest.fixture
def shell(everyauth):
    with sandbox_shell(everyauth) as shell:
        yield shell


@pytest.fixture
def endpoint(shell):
    """A server before the sandbox's token endpoint, over which a user has logged in, an hour ago."""
    with front(shell.sandbox.override("pagerduty")["token_endpoint"]) as endpoint:
        shell.move(token_endpoint=endpoint.url)
        shell.log_in()
        endpoint.requests.clear()
        shell.clock.tick(TOKEN_LIFETIME + 1)
        yield endpoint


@pytest.fixture(params=["sealed", "keyring", "postgres"])
def any_store(request, shell, tmp_path):
    """The shell over each of the stores."""
    if request.param == "sealed":
        yield shell
        return
    if request.param == "postgres":
        shell.env["EVERYAUTH_STORE"] = request.getfixturevalue("postgres").new_database()
        shell.register()
        yield shell
        return
    with secret_service(tmp_path / "service") as service:
        shell.env |= {"EVERYAUTH_STORE": "keyring:", "DBUS_SESSION_BUS_ADDRESS": service.bus_address}
        shell.register()
        yield shell


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def test_sixteen_processes_refresh_one_expired_token_once(any_store):
    any_store.log_in()
    old = any_store.token()
    any_store.clock.tick(TOKEN_LIFETIME + 1)
    asking = [any_store.start("everyauth token pagerduty") for _ in range(PROCESSES)]
    ends = [ended(process) for process in asking]
    assert {(code, err) for code, _, err in ends} == {(0, "")}
    (token,) = {out.strip() for _, out, _ in ends}
    assert token != old
    assert any_store.works(token)
    assert any_store.token() == token
    assert (any_store.counts["refresh_token"], any_store.counts["refresh_reuse"]) == (1, 0)


def test_sixteen_processes_run_one_grant_again_once(shell):
    shell.good("everyauth login pagerduty --client-credentials")
    old = shell.token()
    shell.clock.tick(TOKEN_LIFETIME + 1)
    asking = [shell.start("everyauth token pagerduty") for _ in range(PROCESSES)]
    ends = [ended(process) for process in asking]
    assert {(code, err) for code, _, err in ends} == {(0, "")}
    (token,) = {out.strip() for _, out, _ in ends}
    assert token != old
    assert shell.counts["client_credentials"] == 2


def test_a_login_while_a_refresh_runs_stays(shell, endpoint):
    endpoint.after = gate = Gate()
    asking = shell.start("everyauth token pagerduty")
    assert gate.reached.wait(60)
    # The login asks the sandbox itself, so only the refresh is held up.
    endpoint.after = lambda: None
    login = shell.start("everyauth login pagerduty")
    assert login.stderr is not None
    while "http" not in login.stderr.readline():
        pass
    while shell.counts["authorization_code"] < 2:
        assert login.poll() is None
    gate.open.set()
    code, out, _ = ended(asking)
    assert (ended(login)[0], code) == (0, 0)
    newest = shell.token()
    assert shell.works(newest)
    assert newest != out.strip()
    shell.clock.tick(TOKEN_LIFETIME + 1)
    assert shell.works(shell.token())


def test_what_is_deleted_while_a_refresh_runs_stays_deleted(shell, endpoint):
    endpoint.after = gate = Gate()
    asking = shell.start("everyauth token pagerduty")
    assert gate.reached.wait(60)
    deleting = shell.start("everyauth identity rm me --yes")
    gate.open.set()
    assert ended(deleting)[:2] == (0, "")
    assert ended(asking)[0] in (0, 4)
    assert shell.identities() == []
    shell.bad("everyauth token pagerduty", 4, "everyauth login pagerduty")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_waits_until_the_refresh_is_stored(shell, endpoint, number):
    endpoint.after = gate = Gate()
    asking = shell.start("everyauth token pagerduty")
    assert gate.reached.wait(60)
    asking.send_signal(number)
    gate.open.set()
    code, out, err = ended(asking)
    assert (code, out, err) == (130 if number == signal.SIGINT else -number, "", "")
    endpoint.after = lambda: None
    assert shell.works(shell.token())
    assert (shell.counts["refresh_token"], shell.counts["refresh_reuse"]) == (1, 0)


def test_a_client_set_anew_while_a_refresh_runs_is_kept(shell, endpoint):
    endpoint.after = gate = Gate()
    asking = shell.start("everyauth token pagerduty")
    assert gate.reached.wait(60)
    shell.good('everyauth service set pagerduty --scope "read"')
    gate.open.set()
    assert ended(asking)[0] == 0
    assert json.loads(shell.good("everyauth service get pagerduty -o json"))["configuration"]["scope"] == "read"


def test_a_valid_token_is_listed_and_printed_while_a_refresh_runs(shell, endpoint):
    shell.log_in("bob")
    endpoint.after = gate = Gate()
    asking = shell.start("everyauth token pagerduty")
    assert gate.reached.wait(60)
    assert len(shell.identities()) == 2
    assert shell.works(shell.token("bob"))
    gate.open.set()
    assert ended(asking)[0] == 0


@pytest.mark.parametrize("hook", ["before", "after"])
def test_after_a_killed_refresh_the_next_one_recovers_or_names_the_loss(shell, endpoint, hook):
    gate = Gate()
    setattr(endpoint, hook, gate)
    asking = shell.start("everyauth token pagerduty")
    assert gate.reached.wait(60)
    asking.kill()
    assert asking.wait(60) == -9
    setattr(endpoint, hook, lambda: None)
    if hook == "after":
        gate.open.set()
        says = ["the response to an earlier refresh was lost", "everyauth login pagerduty"]
        shell.bad("everyauth token pagerduty", 4, *says)
        shell.bad_both("everyauth token pagerduty", 4, "login_required", *says)
        assert len(endpoint.requests) == 2
        shell.good("everyauth login pagerduty")
    assert shell.works(shell.token())
    # The killed one's request goes nowhere any more: its refresh token is used up.
    endpoint.target = endpoint.url + "-nowhere"
    gate.open.set()


@pytest.fixture(scope="module")
def provider():
    with running() as provider:
        yield provider


@pytest.fixture
def any_port(everyauth, provider):
    """The command with a service that takes any port, so that logins do not stand in each other's way."""
    plain = everyauth.environment
    everyauth.environment = lambda extra=None: plain({**SEALED, **(extra or {})})
    path = everyauth.home / "services" / "op.toml"
    path.parent.mkdir(parents=True)
    path.write_text(
        f'authorization_endpoint = "{provider.authorization_endpoint}"\ntoken_endpoint = "{provider.token_endpoint}"\n'
        'token_endpoint_auth_method = "none"\nscopes = ["openid"]\nany_port = true\n'
    )
    assert everyauth("service", "set", "op", "--client-id", "native").code == 0
    return everyauth


def test_the_second_of_two_logins_for_one_identity_waits_and_takes_the_result_of_the_first(any_port, provider):
    first = any_port.start("login", "op", "--no-browser")
    url = authorization_url(first)
    second = any_port.start("login", "op", "--no-browser", "-o", "json")
    assert second.stderr is not None
    assert 'Waiting for another login of user "me" at op' in second.stderr.readline()
    provider.play(url)
    assert ended(first)[0] == 0
    code, out, _ = ended(second)
    assert code == 0
    (identity,) = json.loads(any_port("identity", "ls", "-o", "json").out)["items"]
    assert json.loads(out) == identity
    assert any_port("token", "op").code == 0


def test_a_login_that_waited_goes_on_when_the_first_failed(any_port, provider):
    first = any_port.start("login", "op", "--no-browser")
    url = authorization_url(first)
    second = any_port.start("login", "op", "--no-browser")
    assert second.stderr is not None
    assert 'Waiting for another login of user "me" at op' in second.stderr.readline()
    provider.deny(url)
    assert ended(first)[0] == 4
    provider.play(authorization_url(second))
    assert ended(second)[0] == 0
    assert any_port("token", "op").code == 0


def test_a_login_that_waited_goes_on_when_the_first_granted_too_little(any_port, provider):
    first = any_port.start("login", "op", "--no-browser")
    url = authorization_url(first)
    second = any_port.start("login", "op", "--no-browser", "--scope", "openid email", "--tag", "team=blue")
    assert second.stderr is not None
    assert 'Waiting for another login of user "me" at op' in second.stderr.readline()
    provider.play(url)
    assert ended(first)[0] == 0
    provider.play(authorization_url(second))
    assert ended(second)[0] == 0
    (identity,) = json.loads(any_port("identity", "ls", "-o", "json").out)["items"]
    assert (identity["scope"], identity["tags"]["team"]) == ("openid email", "blue")


def test_logins_for_two_users_run_side_by_side(any_port, provider):
    processes = [any_port.start("login", "op", "--no-browser", "--user", user) for user in ("ann", "bob")]
    for process in processes:
        provider.play(authorization_url(process))
    assert [ended(process)[0] for process in processes] == [0, 0]
    assert {any_port("token", "op", user).code for user in ("ann", "bob")} == {0}
