"""`everyauth service log`, and a token host that changes, with a real server at each end of the commands."""

from __future__ import annotations

import json
import stat

import pytest
from peers.recorder import recording
from peers.sandbox import SECRET, TOKEN_LIFETIME, sandbox_shell

from everyauth_cli.urls import origin

pytestmark = pytest.mark.slow


@pytest.fixture
def shell(everyauth):
    with sandbox_shell(everyauth) as shell:
        yield shell


def rows(shell, options=""):
    lines = shell.good(f"everyauth service log pagerduty {options}").splitlines()
    return [tuple(line.split("\t")[1:3]) for line in lines]


def test_events_are_listed_with_the_newest_last(shell):
    done = shell("everyauth service log pagerduty")
    assert (done.code, done.out) == (0, "")
    assert "No events of pagerduty in the profile" in done.err
    shell.good("everyauth login pagerduty")
    shell.clock.tick(TOKEN_LIFETIME)
    shell.token()
    log = shell.command.home / "log" / "pagerduty.jsonl"
    written = log.read_text()
    # A fresh token is handed out without a note of it.
    shell.token()
    assert log.read_text() == written
    shell.good("everyauth logout pagerduty")
    kinds = [("login", "done"), ("refresh", "done")]
    assert rows(shell)[:2] == kinds
    assert rows(shell, "--limit 1") == rows(shell)[-1:]
    items = json.loads(shell.good("everyauth service log pagerduty -o json"))["items"]
    assert [(item["action"], item["outcome"]) for item in items][:2] == kinds
    assert (items[0]["serviceId"], items[0]["userId"], items[0]["profile"]) == ("pagerduty", "me", "default")
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    assert not SECRET.search(log.read_text())


def test_a_failure_is_listed_with_what_the_service_said(shell):
    shell.log_in()
    shell.good("everyauth service set pagerduty --client-secret wrong")
    shell.bad("everyauth login pagerduty", 2, "does not accept the client")
    items = json.loads(shell.good("everyauth service log pagerduty -o json"))["items"]
    assert (items[-1]["action"], items[-1]["outcome"]) == ("login", "failed")
    assert "invalid_client" in items[-1]["message"]


def test_an_unforeseen_response_has_the_log_as_its_hint(shell):
    with recording() as other:
        shell.log_in()
        shell.clock.tick(TOKEN_LIFETIME)
        body = {"code": 10003, "message": "no app for eyJhbGciOiJIUzI1NiJ9abcdef0123456789"}
        other.reply(json.dumps(body).encode(), status=422)
        shell.entry(token_endpoint=f"http://127.0.0.1:{other.port}/token")
        shell.good("everyauth service set pagerduty --client-secret sandbox-secret-not-a-real-secret")
        # The grant is the old endpoint's, so a login is what reaches the new one.
        shell.bad(
            "everyauth login pagerduty", 5, "HTTP 422 (code: 10003, message: no app for ***)", "service log pagerduty"
        )
    item = json.loads(shell.good("everyauth service log pagerduty -o json"))["items"][-1]
    assert (item["error"], item["status"]) == ("10003", 422)
    assert item["message"] == "pagerduty answers HTTP 422 (code: 10003, message: no app for ***)"


def test_a_secret_that_a_service_echoes_as_its_error_is_shown_nowhere(shell):
    secret = "correct-horse"
    with recording() as echo:
        shell.entry(token_endpoint=f"http://127.0.0.1:{echo.port}/token")
        shell.good(f"everyauth service set pagerduty --client-secret {secret}")
        for _ in range(2):
            echo.reply(json.dumps({"error": secret, "error_description": f"not {secret}"}).encode(), status=400)
        plain, as_json = shell("everyauth login pagerduty"), shell("everyauth login pagerduty -o json")
    assert (plain.code, as_json.code) == (5, 5)
    assert "pagerduty answered *** (not ***)" in plain.err
    assert json.loads(as_json.err.splitlines()[-1])["error"]["message"] == "pagerduty answered *** (not ***)"
    log = shell.good("everyauth service log pagerduty -o json")
    assert json.loads(log)["items"][-1]["error"] == "***"
    assert secret not in plain.err + as_json.err + log + shell.good("everyauth service log pagerduty")
    assert secret not in (shell.command.home / "log" / "pagerduty.jsonl").read_text()


def test_no_secret_goes_to_a_token_host_that_a_file_has_changed(shell):
    with recording() as wrong:
        shell.log_in()
        shell.clock.tick(TOKEN_LIFETIME)
        there = f"http://localhost:{wrong.port}/token"
        shell.entry(token_endpoint=there)
        for line in ("token pagerduty", "login pagerduty", "identity get me"):
            says = (
                f"the token_endpoint of pagerduty is at {origin(there)} now",
                "set for http://127",
                "--client-secret -",
            )
            shell.bad_both(f"everyauth {line}", 2, "host_changed", *says)
        shown = " ".join(shell.good("everyauth service get pagerduty").split())
        assert f"the token_endpoint is at {origin(there)} now, but the client was set for http://127.0.0.1:" in shown
        assert wrong.requests == []
        shell.good("everyauth service set pagerduty --scope read")
        shell.bad("everyauth login pagerduty", 2, "localhost")
        assert wrong.requests == []
        confirmed = shell("everyauth service set pagerduty --client-secret -", input="another-secret")
        assert f"Its secrets go to {origin(there)} from now on." in confirmed.err
        shell.bad("everyauth login pagerduty", 5)
        assert ["another-secret" in request.body for request in wrong.requests] == [True]
        assert "sandbox-secret-not-a-real-secret" not in wrong.requests[0].body


def test_a_log_that_cannot_be_written_stops_no_command(shell):
    (shell.command.home / "log").write_text("")
    shell.good("everyauth login pagerduty")
    assert shell.works(shell.token())
    shell.bad("everyauth service log pagerduty", 2, "cannot read", "pagerduty.jsonl")


def test_removing_a_client_leaves_the_log(shell):
    shell.good("everyauth login pagerduty")
    shell.good("everyauth service rm pagerduty --yes")
    assert rows(shell) == [("login", "done")]


def test_the_log_of_an_unknown_service(shell):
    shell.bad("everyauth service log nowhere", 3, "nowhere")
    shell.bad("everyauth service log pagerduty --limit 0", 2, "--limit")
