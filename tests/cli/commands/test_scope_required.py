"""A service that refuses a login without a scope: every step that could forget it asks for it."""

from __future__ import annotations

import json

import pytest
from peers.home import Home

SET = "everyauth service set op --scope SCOPES"


@pytest.fixture
def shell(everyauth):
    shell = Home(everyauth)
    shell.entry(scope_required=True)
    return shell


def scope(shell):
    shown = json.loads(shell.good("everyauth service get op -o json"))
    assert shown["scopeRequired"] is True
    return shown["configuration"]["scope"]


def test_without_a_terminal_each_step_names_the_command_that_sets_it(shell):
    shell.bad("everyauth init op --client-id one --client-secret two", 2, "--scope SCOPES")
    done = shell("everyauth service set op --client-id one --client-secret two")
    assert (done.code, SET in done.err) == (0, True)
    assert SET in shell.good("everyauth service get op")
    shell.bad("everyauth login op --no-browser", 2, "requests no scope", SET)
    shell.good("everyauth service set op --scope read")
    assert scope(shell) == "read"
    assert "SCOPES" not in shell.good("everyauth service get op")


@pytest.mark.parametrize("command", ["everyauth init op --no-open --no-login", "everyauth service set op"])
def test_at_a_terminal_it_is_asked_for(shell, command):
    typed = {"Client id: ": "one", "(hidden): ": "two", "Scopes, which op requires: ": "read"}
    with shell.at_a_terminal(command) as shown:
        for question, text in typed.items():
            shown.wait_for(question)
            shown.type(f"{text}\n")
        assert shown.end() == 0
    assert scope(shell) == "read"
