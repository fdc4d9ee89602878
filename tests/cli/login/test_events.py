"""`login --events`: one JSON object a line on stderr, for programs that drive a login, and one document on stdout."""

from __future__ import annotations

import json
import signal
import urllib.request

import pytest
from peers.mcp_server import BROWSER, mcp_server
from peers.sandbox import KEY, use_free_ports

ENV = {"EVERYAUTH_STORE": "sqlite://", "EVERYAUTH_KEY": KEY}


@pytest.fixture
def server():
    with mcp_server() as server:
        yield server


@pytest.fixture
def command(everyauth):
    use_free_ports(everyauth)
    return everyauth


def events(err):
    return [json.loads(line) for line in err.splitlines()]


def test_each_step_is_a_line(command, server):
    done = command("login", server.url, "--events", "-o", "json", env={**ENV, "BROWSER": BROWSER})
    url, waiting, last = events(done.err)
    assert (done.code, [each["event"] for each in (url, waiting, last)]) == (0, ["url", "waiting", "done"])
    assert url["url"].startswith(f"{server.base}/authorize?")
    assert url["opened"]
    assert (waiting["for"], waiting["seconds"]) == ("browser", 300)
    assert last["identity"] == json.loads(done.out)
    assert last["identity"]["serviceId"] == server.url
    assert "access-1" not in done.err


def test_a_program_opens_the_url_itself(command, server):
    process = command.start("login", server.url, "--no-browser", "--events", env=ENV)
    first = json.loads(process.stderr.readline())
    assert not first["opened"]
    urllib.request.urlopen(first["url"]).read()
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, events(err)[-1]["event"]) == (0, "", "done")


@pytest.mark.parametrize("output", [[], ["-o", "json"]])
@pytest.mark.parametrize(
    ("line", "code", "says"),
    [
        (["login", "nowhere", "--events"], 3, "nowhere"),
        (["login", "--events"], 2, "Missing argument"),
        (["login", "http://mcp.example", "--events"], 2, "plain http"),
    ],
)
def test_a_failure_is_the_last_line(command, line, code, says, output):
    done = command(*line, *output, env=ENV)
    *_, last = events(done.err)
    assert (done.code, done.out, last["event"], last["exitCode"]) == (code, "", "failed", code)
    assert says in last["error"]["message"]


def test_a_server_that_needs_no_login_is_done_with(command, server):
    server.respond = lambda *about: (200, {}, {}) if about[0] == "POST" else (404, {}, {})
    done = command("login", f"{server.base}/open", "--events", env=ENV)
    assert events(done.err) == [{"event": "done", "serviceId": f"{server.base}/open", "loginNeeded": False}]


def test_an_interrupt_is_a_failure(command, server):
    process = command.start("login", server.url, "--no-browser", "--events", env=ENV)
    for _ in ("url", "waiting"):
        process.stderr.readline()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert [(each["event"], each["exitCode"]) for each in events(err)] == [("failed", 130)]
