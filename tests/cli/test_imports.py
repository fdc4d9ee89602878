"""No command loads a heavy library that its work does not need: each is run, and asked what it imported."""

from __future__ import annotations

import re

import pytest
from peers.sandbox import sandbox_shell
from peers.secret_service import secret_service

HEAVY = {
    "asyncio",
    "cryptography",
    "httpcore",
    "httpx",
    "jinja2",
    "joserfc",
    "keyring",
    "pydantic",
    "rich",
    "segno",
    "typer",
}
PARSER = {"typer"}
SEALED = {"cryptography"}
HTTP = {"httpcore"}


@pytest.fixture
def sealed(everyauth):
    """The command over a sealed store, with a user logged in at the sandbox."""
    with sandbox_shell(everyauth) as shell:
        shell.log_in()
        yield shell


@pytest.fixture
def keyring(everyauth, tmp_path):
    """The same over a real Secret Service."""
    with secret_service(tmp_path / "service") as service, sandbox_shell(everyauth, registered=False) as shell:
        shell.env = {"DBUS_SESSION_BUS_ADDRESS": service.bus_address}
        shell.register()
        shell.log_in()
        yield shell


def modules(shell, line: str, *, stdin: str = "") -> set[str]:
    """The modules that a command line imports."""
    done = shell(line, env={"PYTHONPROFILEIMPORTTIME": "1"}, input=stdin)
    assert done.code == 0, done
    found = {*re.findall(r"^import time:.*\| +(\S+)$", done.err, re.MULTILINE)}
    assert "everyauth_cli" in found
    return found


def imported(shell, line: str, *, stdin: str = "") -> set[str]:
    """The top-level packages that a command line imports."""
    return {name.partition(".")[0] for name in modules(shell, line, stdin=stdin)}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("store", "line", "needed"),
    [
        ("keyring", "everyauth --version", set()),
        ("keyring", "everyauth token pagerduty", set()),
        ("keyring", "everyauth token pagerduty me", set()),
        ("keyring", "everyauth identity get pagerduty me", set()),
        ("keyring", "everyauth identity get me", set()),
        ("sealed", "everyauth token pagerduty", SEALED),
        ("sealed", "everyauth token pagerduty me", SEALED),
        ("sealed", "everyauth identity get pagerduty me", SEALED),
        ("sealed", "everyauth identity get me", SEALED),
        ("keyring", "everyauth --help", PARSER),
        ("keyring", "everyauth token --help", PARSER),
        ("keyring", "everyauth __complete bash 'everyauth token pagerd' pagerd", PARSER),
        ("keyring", "everyauth __complete bash 'everyauth token pagerduty m' m", PARSER),
        ("keyring", "everyauth token pagerduty --min-ttl 1m", PARSER),
        ("keyring", "everyauth identity get pagerduty me --min-ttl 1m", PARSER),
        ("keyring", "everyauth service ls", PARSER),
        ("keyring", "everyauth service get pagerduty", PARSER),
        ("keyring", "everyauth service log pagerduty", PARSER),
        ("keyring", "everyauth identity ls", PARSER),
        ("keyring", "everyauth store status", PARSER),
        ("sealed", "everyauth token pagerduty --min-ttl 1m", PARSER | SEALED),
        ("sealed", "everyauth identity get me --min-ttl 1m", PARSER | SEALED),
        ("sealed", "everyauth identity ls", PARSER),
        ("sealed", "everyauth identity ls -o json", PARSER),
        ("sealed", "everyauth identity refresh --expiring-within 1s", PARSER | SEALED),
    ],
)
def test_a_command_imports_only_what_it_needs(request, store, line, needed):
    shell = request.getfixturevalue(store)
    assert imported(shell, line) & HEAVY <= needed


@pytest.mark.slow
@pytest.mark.parametrize("line", ["service ls", "service get pagerduty", "identity ls", "identity ls -o json"])
def test_a_list_is_shown_without_what_logs_in_or_refreshes(sealed, line):
    found = modules(sealed, f"everyauth {line}")
    assert not found & {
        "everyauth_cli.everyauth",
        "everyauth_cli.flows.refresh",
        "everyauth_cli.flows.alerts",
    }


def test_a_refresh_imports_only_what_it_needs(sealed):
    token = sealed.token()
    found = imported(sealed, "everyauth token pagerduty --rejected", stdin=token)
    assert found & HEAVY <= PARSER | SEALED | HTTP
    assert sealed.counts["refresh_token"] == 1
