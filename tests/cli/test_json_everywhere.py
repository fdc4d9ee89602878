"""`-o json` on every command: one JSON document on stdout, or an error as JSON on stderr and nothing on stdout."""

from __future__ import annotations

import json
import shlex

import pytest
from peers.hints import parsed
from peers.http_server import Peer
from peers.sandbox import sandbox_shell, use_free_ports, witness

from everyauth_cli.cli.tree import COMMANDS

PATHS = {f"everyauth {name} {one}".strip() for name, ones in COMMANDS.items() for one in ones or [""]}
URLS = "--authorize-url https://a.example/a --token-url https://a.example/t"
GOOD = [
    "version",
    "help",
    "help service set",
    "help environment",
    "help service",
    "completion zsh",
    "status",
    "doctor",
    "init pagerduty --client-id sandbox-client --client-secret -",
    "service ls",
    "service get pagerduty",
    "service export pagerduty",
    "service metadata https://me.example.com/everyauth.json",
    f"service add foo {URLS}",
    "service set foo",
    "service set foo --client-id abc",
    "service key foo",
    "service rm foo --yes",
    "service log pagerduty",
    "profile ls",
    "identity ls",
    "identity show me",
    "identity get me",
    "identity refresh",
    "identity check",
    "token pagerduty",
    "login pagerduty",
    "logout pagerduty",
    "identity rm me --yes",
    "alerts status",
    "alerts set --command true",
    "alerts test",
    "alerts off",
    "store status",
    "store move sqlite:// sqlite:///{home}/other.db",
    "store use sqlite:///{home}/third.db",
    "open pagerduty",
]
BAD = [
    ("identity rm nobody --yes", 3),
    ("token", 2),
    ("token nosuch", 3),
    ("login nosuch", 3),
    ("logout nosuch", 3),
    ("service get nosuch", 3),
    ("service add foo", 2),
    ("service key pagerduty --switch", 2),
    ("store use foo://", 2),
    ("store rotate-key", 2),
    ("alerts set", 2),
    ("completion tcsh", 2),
    ("profile export", 2),
    ("nosuch", 2),
    ("service nosuch", 2),
    ("identity ls --nosuch", 2),
]
ELSEWHERE = {"everyauth demo", "everyauth sandbox", "everyauth store rotate-key", "everyauth service check"}
"""Commands that have a test of their own below, since they need more than a line."""


def test_every_command_is_tried():
    tried = {parsed(shlex.split(line)) for line in GOOD if "help" not in line}
    assert tried | ELSEWHERE | {"everyauth help"} == PATHS


@pytest.mark.slow
def test_every_command_answers_with_one_json_document(everyauth):
    with sandbox_shell(everyauth) as shell:
        shell.log_in()
        for line in GOOD:
            secret = shell.sandbox.client_secret if line.startswith("init") else None
            words = line.replace("{home}", str(everyauth.home)).replace("'", "")
            browser = {"BROWSER": witness(everyauth.directory / "opened")} if line.startswith("open") else {}
            done = shell(f"everyauth {words} -o json", input=secret, env=browser)
            # The exit code of these is what they found.
            assert done.code in ((0, 2, 4, 5) if line in ("doctor", "status") else (0,)), (line, done)
            assert json.loads(done.out) is not None, line
            # The same with the option before the command.
            if line in ("version", "completion zsh", "alerts off", "help environment"):
                assert shell(f"everyauth -ojson {words}").out == done.out
            if line == "logout pagerduty":
                shell.log_in()
        shell.bad_both("everyauth token nosuch", 3, "service_not_found")


@pytest.mark.slow
@pytest.mark.parametrize(("line", "code"), BAD)
def test_an_error_is_json_on_stderr_alone(everyauth, line, code):
    with sandbox_shell(everyauth) as shell:
        done = shell(f"everyauth {line} -vojson" if code == 3 else f"everyauth {line} -o json")
    assert (done.code, done.out) == (code, "")
    assert list(json.loads(done.err.splitlines()[-1])["error"]) == ["code", "message", "hint"]


@pytest.mark.slow
def test_the_commands_that_need_more_than_a_line_do_too(everyauth):
    use_free_ports(everyauth)
    env = {"EVERYAUTH_STORE": "sqlite:///" + str(everyauth.directory / "a.db")}
    assert json.loads(everyauth("store", "use", env["EVERYAUTH_STORE"], "-o", "json").out)["secrets"]
    rotated = json.loads(everyauth("store", "rotate-key", "-o", "json", env=env).out)
    assert rotated["sealed"] == 0
    assert rotated["oldKey"]
    with Peer() as server:
        issuer = server.url.removesuffix("/token")
        urls = {"authorization_endpoint": f"{issuer}/auth", "token_endpoint": server.url}
        server.body = json.dumps({"issuer": issuer, **urls}).encode()
        everyauth("service", "add", "acme", "--issuer", issuer)
        assert json.loads(everyauth("service", "check", "acme", "-o", "json").out)["state"] == "agrees"
    demo = everyauth("demo", "-o", "json")
    assert json.loads(demo.out)["steps"], demo
    process = everyauth.start("sandbox", "--port", "0", "-o", "json")
    lines = ""
    while not lines.endswith("}\n"):
        lines += process.stdout.readline()
    assert json.loads(lines)["url"].startswith("http://127.0.0.1:")
    process.terminate()
    assert process.communicate()[0] == ""
