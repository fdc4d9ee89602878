"""`everyauth doctor`: every check runs, says what is wrong and what to type, and none of them stops the others."""

from __future__ import annotations

import json
import re
import socket
import threading
import time
from contextlib import contextmanager

import pytest
from peers.home import Home
from peers.http_server import Peer
from peers.secret_service import secret_service
from peers.token_server import HOUR

from everyauth_cli.cli.doctor.examination import examine
from everyauth_cli.cli.doctor.findings import Finding, Status, folded, good
from everyauth_cli.cli.doctor.running import Check, run_checks
from everyauth_cli.cli.session import Session
from everyauth_cli.errors import LoginRequired, NotFound
from everyauth_cli.flows.freshness import now_ms
from everyauth_cli.settings import read_settings

DOCTOR = "everyauth doctor"


@pytest.fixture
def shell(everyauth):
    return Home(everyauth)


@pytest.fixture
def service():
    with Peer() as server:
        yield server


@contextmanager
def taken_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def findings(done) -> dict[str, list[dict[str, str]]]:
    found: dict[str, list[dict[str, str]]] = {}
    for finding in json.loads(done.out)["findings"]:
        assert finding.keys() == {"check", "status", "message", "command"}
        found.setdefault(finding["check"], []).append(finding)
    return found


def set_up(shell, service, **keys):
    """The service `op` at a server, with a client and the port of its redirect URI."""
    urls = {"authorization_endpoint": f"http://{service.host}/auth", "token_endpoint": service.url}
    shell.entry(**urls, **keys)
    shell.good("everyauth service set op --client-id one --client-secret secret-of-the-client")


def session_of(shell) -> Session:
    session = Session(output=None, profile=None, verbose=False)
    session.settings = read_settings(shell.command.environment())
    return session


def test_nothing_set_up_is_no_failure(shell):
    done = shell(f"{DOCTOR} -o json")
    found = findings(done)
    assert (done.code, done.err) == (0, "")
    expected = {"store", "permissions", "journal", "browser", "certificates", "service", "proxy", "clock", "port"}
    assert found.keys() == expected
    assert {each["status"] for [each] in found.values()} == {"ok", "attention"}


def test_a_pipe_gets_a_line_with_tabs_for_each_finding(shell):
    lines = [line.split("\t") for line in shell.good(DOCTOR).splitlines()]
    assert {len(line) for line in lines} == {4}
    assert lines[0][:2] == ["ok", "store"]


def test_with_quiet_only_what_needs_attention_is_printed(shell):
    lines = [line.split("\t")[:2] for line in shell.good(f"{DOCTOR} --quiet").splitlines()]
    assert lines == [["attention", "browser"]]
    assert shell.good(f"{DOCTOR} -q", env={"BROWSER": "true"}) == ""


def test_a_configured_service_that_answers_is_well(shell, service):
    # The issuer is no endpoint.
    set_up(shell, service, issuer="https://issuer.invalid")
    done = shell(f"{DOCTOR} -o json")
    found = findings(done)
    assert done.code == 0, done
    assert [each["message"] for each in found["endpoint"]] == [
        f"op: http://{service.host}/auth answers",
        f"op: {service.url} answers",
    ]
    assert found["clock"][0]["message"] == "as that of 127.0.0.1"
    assert "secret-of-the-client" not in done.out


def test_a_service_that_does_not_answer_is_found(shell, service):
    with taken_port() as nobody:
        pass
    set_up(shell, service, account_endpoint=f"http://127.0.0.1:{nobody}/me")
    done = shell(f"{DOCTOR} -o json")
    statuses = [each["status"] for each in findings(done)["endpoint"]]
    assert (done.code, sorted(statuses)) == (5, ["failed", "ok", "ok"])


@pytest.mark.slow
def test_a_service_that_hangs_is_bounded(shell, service):
    with taken_port() as silent:
        set_up(shell, service, account_endpoint=f"http://127.0.0.1:{silent}/me")
        begun = time.monotonic()
        done = shell(f"{DOCTOR} -o json")
    assert time.monotonic() - begun < 30
    assert done.code == 5
    assert any("did not answer " in each["message"] for each in findings(done)["endpoint"])


def test_a_clock_that_is_off_is_found(shell, service):
    set_up(shell, service)
    [clock] = [each for each in examine(session_of(shell), clock=lambda: now_ms() - HOUR) if each.check == "clock"]
    assert (clock.status, clock.exit_code) == (Status.failed, 2)
    assert re.match(r"this machine's clock is 3(59|60)\d s behind that of 127\.0\.0\.1$", clock.message)


@pytest.mark.slow
def test_a_taken_port_is_found_with_the_command_for_another_one(shell, service):
    set_up(shell, service)
    with taken_port() as port:
        shell.good(f"everyauth service set op --port {port} --profile work --client-id one")
        done = shell(f"{DOCTOR} --profile work -o json")
    [finding] = findings(done)["port"]
    assert (done.code, finding["status"]) == (2, "failed")
    assert f"port {port} of the redirect URI is in use" in finding["message"]
    assert finding["command"].startswith("everyauth service set op --port 28")
    assert finding["command"].endswith(" --profile work")
    assert shell.good(finding["command"])


def test_a_proxy_that_cannot_be_used_is_found(shell, service):
    shell.entry()
    shell.good("everyauth service set op --client-id one --client-secret secret-of-the-client")
    with taken_port() as nobody:
        pass
    done = shell(f"{DOCTOR} -o json", env={"HTTPS_PROXY": f"http://me:hidden@127.0.0.1:{nobody}"})
    [proxy] = findings(done)["proxy"]
    assert (done.code, proxy["status"]) == (5, "failed")
    assert f"the proxy http://127.0.0.1:{nobody} of HTTPS_PROXY cannot be connected to" in proxy["message"]
    assert "hidden" not in done.out + done.err
    done = shell(f"{DOCTOR} -o json", env={"HTTPS_PROXY": "gopher://proxy"})
    assert "gopher proxies are not supported" in findings(done)["proxy"][0]["message"]


def test_certificates_that_cannot_be_read_are_found(shell):
    done = shell(f"{DOCTOR} -o json", env={"SSL_CERT_FILE": "/nonexistent/ca.pem"})
    assert done.code == 5
    assert "/nonexistent/ca.pem cannot be read" in findings(done)["certificates"][0]["message"]


def test_a_store_without_its_key_fails_and_the_other_checks_run(shell, service):
    set_up(shell, service)
    done = shell(f"{DOCTOR} -o json", env={"EVERYAUTH_KEY": ""})
    found = findings(done)
    assert done.code == 6
    assert found["store"][0]["status"] == "failed"
    assert found["browser"]
    assert found["port"]
    assert [each["status"] for each in found["endpoint"]] == ["ok", "ok"]


def test_a_missing_keyring_names_the_command_for_another_store(shell):
    done = shell(f"{DOCTOR} -o json", env={"EVERYAUTH_STORE": "keyring:"})
    [store] = findings(done)["store"]
    assert (done.code, store["command"]) == (6, "everyauth store use sqlite://")


@pytest.mark.parametrize(("url", "code"), [("nonsense:", 2), ("postgresql://127.0.0.1:1/x", 6)])
def test_a_store_that_is_none_stops_no_other_check(shell, url, code):
    done = shell(f"{DOCTOR} -o json", env={"EVERYAUTH_STORE": url})
    found = findings(done)
    assert (done.code, found["store"][-1]["status"]) == (code, "failed")
    assert [found[name][0]["status"] for name in ("port", "proxy", "certificates")] == ["ok"] * 3


def test_a_home_that_others_can_change_is_a_finding_with_its_command(shell):
    shell.command.home.mkdir(mode=0o700)
    shell.command.home.chmod(0o777)
    done = shell(f"{DOCTOR} -o json")
    [finding] = findings(done)["settings"]
    assert (done.code, finding["command"]) == (2, f"chmod go-w {shell.command.home}")


def test_a_file_that_others_may_read_is_found(shell):
    shell.good(DOCTOR)
    database = shell.command.home / "everyauth.db"
    database.chmod(0o644)
    done = shell(f"{DOCTOR} -o json")
    [finding] = findings(done)["permissions"]
    assert (done.code, finding["status"]) == (0, "attention")
    assert finding["command"] == f"chmod go-rwx {database}"


def test_a_configuration_that_cannot_be_read_is_a_finding(shell):
    shell.command.home.mkdir()
    (shell.command.home / "config.toml").write_text("store = [")
    done = shell(f"{DOCTOR} -o json")
    found = findings(done)
    assert (done.code, found["settings"][0]["status"]) == (2, "failed")
    assert found.keys() == {"settings", "browser", "certificates"}


def test_an_identity_that_needs_a_login_is_found_with_its_command(shell, service):
    shell.entry()
    shell.log_in("ann")
    shell.log_in("zoe", hours_ago=2)
    shell.server.revoke_all()
    with pytest.raises(LoginRequired):
        shell.auth().get_identity("op", "zoe")
    set_up(shell, service)
    done = shell(f"{DOCTOR} -o json")
    ann, zoe = findings(done)["identity"]
    assert (ann["status"], ann["message"]) == ("ok", "op ann: refreshes itself")
    assert (zoe["status"], zoe["command"]) == ("failed", "everyauth login op --user zoe")
    assert done.code == 4


def test_a_client_that_lacks_a_secret_is_good_to_know(shell, service):
    shell.entry(authorization_endpoint=f"http://{service.host}/auth", token_endpoint=service.url)
    shell.good("everyauth service set op --client-id one")
    done = shell(f"{DOCTOR} -o json")
    [finding] = [each for each in findings(done)["service"] if each["status"] != "ok"]
    assert (done.code, finding["command"]) == (0, "everyauth service set op --client-secret -")


@pytest.mark.slow
def test_a_keyring_that_is_locked_is_found_without_a_prompt(shell, tmp_path):
    with secret_service(tmp_path / "service") as service:
        env = {"EVERYAUTH_STORE": "keyring:", "DBUS_SESSION_BUS_ADDRESS": service.bus_address, "DISPLAY": ":0"}
        assert findings(shell(f"{DOCTOR} -o json", env=env))["store"][0]["status"] == "ok"
        service.lock()
        done = shell(f"{DOCTOR} -o json", env=env)
    [store] = findings(done)["store"]
    assert (done.code, store["status"]) == (6, "failed")
    assert "locked" in store["message"]


@pytest.mark.slow
def test_a_keyring_that_hangs_is_bounded(shell, tmp_path):
    with secret_service(tmp_path / "service") as service:
        service.freeze()
        begun = time.monotonic()
        env = {"EVERYAUTH_STORE": "keyring:", "DBUS_SESSION_BUS_ADDRESS": service.bus_address}
        done = shell(f"{DOCTOR} -o json", env=env)
    assert time.monotonic() - begun < 45
    found = findings(done)
    assert (done.code, found["store"][0]["status"]) == (6, "failed")
    assert found["browser"]
    assert found["port"]


def test_marks_and_commands_are_shown_on_a_terminal(shell, service):
    set_up(shell, service)
    with shell.at_a_terminal(DOCTOR) as shown:
        assert shown.end() == 0
    assert "✓ endpoint" in shown.shown
    assert "op: 2 endpoints answer" in shown.shown
    assert "! browser" in shown.shown


def test_a_check_that_crashes_or_hangs_stops_no_other(shell):
    released = threading.Event()

    def crash():
        yield good("one", "before")
        raise ZeroDivisionError

    def hang():
        released.wait(60)
        return []

    def fail():
        raise NotFound("nothing there")

    checks = [
        Check(name="one", run=crash, exit_code=6),
        Check(name="two", run=hang, exit_code=5),
        Check(name="three", run=fail),
        Check(name="four", run=lambda: [Check(name="five", run=lambda: [good("five", "fine")])]),
    ]
    try:
        found = run_checks(session_of(shell), checks, seconds=0.5)
    finally:
        released.set()
    assert [(each.check, each.exit_code) for each in found] == [
        ("one", 0),
        ("one", 6),
        ("two", 5),
        ("three", 2),
        ("five", 0),
    ]
    assert found[1].message == "this check could not be finished: internal error: ZeroDivisionError"
    assert found[2].message == "no response within 0.5 s"


def test_good_findings_that_belong_together_are_one_line():
    bad = Finding(check="one", status=Status.failed, message="bad", together="all {}")
    found = folded([good("one", "a", together="all {}"), bad, good("one", "b", together="all {}"), good("one", "c")])
    assert [each.message for each in found] == ["all 2", "bad", "c"]
