"""Hostile text in every field that is stored or read never reaches a terminal as it is, whatever the command."""

from __future__ import annotations

import json
import shlex

import pytest
from conftest import Command
from peers.sandbox import sandbox_shell
from peers.stores import overwrite
from peers.terminal import terminal

from everyauth_cli.store.identities import identity_key

FORBIDDEN = "\x1b\x07\x7f\x9b\u202e\u2066\u061c\u200e\u200f\u2060\u2064\ufeff\u2028\u2029\ufe0f\u3164\U000e0041"
HOSTILE = (
    f"x{FORBIDDEN}\x1b]0;title\x07\x1b[2J[red][link=https://evil.example]y[/link]\r\nerror: forged\n\twarning: forged"
)
LINES = [
    "",
    "status",
    "status --check",
    "identity ls",
    "identity ls -o json",
    f"identity ls --user {shlex.quote(HOSTILE)}",
    f"identity get pagerduty {shlex.quote(HOSTILE)}",
    f"identity get {shlex.quote(HOSTILE)} -o json",
    "identity check --service pagerduty",
    "identity refresh --service pagerduty",
    f"token pagerduty {shlex.quote(HOSTILE)} -v --min-ttl 1s",
    f"token {shlex.quote(HOSTILE)}",
    f"token pagerduty {shlex.quote('no' + HOSTILE)}",
    f"login pagerduty --user {shlex.quote(HOSTILE)} --timeout 1s --no-browser",
    f"logout pagerduty {shlex.quote('no' + HOSTILE)} --yes",
    f"{shlex.quote(HOSTILE)}",
    f"--{shlex.quote(HOSTILE)}",
    f"token pagerduty --min-ttl {shlex.quote(HOSTILE)}",
    f"identity ls --tag {shlex.quote(HOSTILE)}",
    f"identity ls --profile {shlex.quote(HOSTILE)}",
    f"-o {shlex.quote(HOSTILE)} identity ls",
    "service ls",
    "service ls -o json",
    "service get evil",
    "service get evil -o json",
    "service set evil",
    "service export evil",
    "service rm evil",
    "service log pagerduty",
    "service log pagerduty -o json",
    f"store use {shlex.quote('sqlite:///' + HOSTILE)}",
    f"store use {shlex.quote(HOSTILE)}",
    "alerts status",
    f"alerts set --command {shlex.quote(HOSTILE)}",
    "alerts test",
    "profile ls",
    "doctor",
    "__complete zsh token pagerduty ''",
    "__complete bash 'everyauth token pagerduty ' ''",
    "__complete fish service get ''",
]  # fmt: skip


@pytest.fixture(scope="module")
def shell(tmp_path_factory):
    """A home in which whatever can be named has a hostile name."""
    directory = tmp_path_factory.mktemp("hostile")
    command = Command(directory, directory / HOSTILE.replace("/", ""))
    with sandbox_shell(command) as shell:
        shell.log_in(HOSTILE, tenant=HOSTILE, tags={HOSTILE: HOSTILE})
        key = identity_key("default", "pagerduty", user=HOSTILE, tenant=HOSTILE)
        store = shell.auth.store
        record = store.get(key)
        account = {"subject": HOSTILE, "label": HOSTILE}
        changes = {"scope": HOSTILE, "account": account, "login_required": {"since": 1, "reason": HOSTILE}}
        overwrite(
            store, key, metadata={**record.metadata, **changes},
            secret={**record.secret.reveal(), "native": {HOSTILE: [HOSTILE]}},
        )  # fmt: skip
        shell.log_in("plain", tags={"a": HOSTILE})
        entry = {
            "title": HOSTILE,
            "authorization_endpoint": "https://evil.example/a",
            "token_endpoint": "https://evil.example/t",
            "aliases": [],
            "scopes": [HOSTILE],
            "setup": [HOSTILE],
            "expect": [HOSTILE],
        }
        lines = [f"{name} = {json.dumps(value)}\n" for name, value in entry.items()]
        lines.append(f"[params.a]\nhelp = {json.dumps(HOSTILE)}\n")
        services = command.home / "services"
        (services / "evil.toml").write_text("".join(lines).replace("\x7f", "\\u007f"))
        (services / (HOSTILE.replace("/", "") + ".toml")).write_text(HOSTILE)
        log = command.home / "log"
        log.mkdir(exist_ok=True)
        event = {"time": 1, "service": "pagerduty", "user": HOSTILE, "message": HOSTILE, "error": HOSTILE}
        with (log / "pagerduty.jsonl").open("a") as file:
            file.write(json.dumps(event) + "\n")
        yield shell
    command.end()


def assert_harmless(shown: str, line: str) -> None:
    found = {character for character in FORBIDDEN if character in shown}
    assert not found, f"{line}: {found} in {shown!r}"
    forged = [one for one in shown.splitlines() if one.startswith(("error: forged", "\twarning: forged"))]
    assert not forged, f"{line}: {shown!r}"


@pytest.mark.slow
@pytest.mark.parametrize("line", LINES)
def test_no_command_passes_hostile_text_on(shell, line):
    done = shell(f"everyauth {line}")
    assert "internal error" not in done.err, done
    assert "Traceback" not in done.err or "-v" in line, done
    assert_harmless(done.out + done.err, line)
    env = shell.command.environment({**shell.env, "TERM": "dumb", "NO_COLOR": "1"})
    with terminal([*shell.command.argv, *shlex.split(line)], env) as screen:
        if "set evil" in line or "rm evil" in line:
            screen.type("\n")
        screen.end()
    assert_harmless(screen.shown.replace("\r", ""), line)
