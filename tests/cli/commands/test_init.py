"""`everyauth init`: step by step at a terminal, and by its options without one."""

from __future__ import annotations

import json

import pytest
from peers.home import Home
from peers.sandbox import browser, sandbox_shell
from peers.terminal import terminal

URI = "http://127.0.0.1:28282/callback/pagerduty"


@pytest.fixture
def shell(everyauth):
    return Home(everyauth)


def client(shell, service="pagerduty"):
    shown = json.loads(shell.good(f"everyauth service get {service} -o json"))["configuration"]
    return shown["clientId"], shown["clientSecret"]


def test_at_a_terminal_it_shows_the_steps_and_asks(shell):
    with shell.at_a_terminal("everyauth init") as shown:
        shown.wait_for("Service: ")
        shown.type("pagerdty\n")
        shown.wait_for("did you mean pagerduty?")
        shown.wait_for("Service: ", since=shown.shown.index("did you mean"))
        shown.type("pagerduty\n")
        shown.wait_for("Client id: ")
        shown.type("  one \n")
        shown.wait_for("Client secret (hidden): ")
        shown.type("hidden\n")
        shown.wait_for("Log in now? [y/N]")
        shown.type("n\n")
        assert shown.end() == 0
    assert f"\n  {URI}\n" in shown.shown
    assert "hidden\n" not in shown.shown
    assert "PagerDuty is set up." in shown.shown
    assert shown.shown.endswith("  everyauth login pagerduty\n  everyauth token pagerduty\n")
    assert client(shell) == ("one", "***")


def test_a_value_that_was_copied_wrongly_is_asked_for_again(shell):
    with shell.at_a_terminal("everyauth init google --no-open --no-login") as shown:
        shown.wait_for("Client id: ")
        shown.type("GOCSPX-abc...\n")
        shown.wait_for("is cut")
        shown.type("GOCSPX-abc\n")
        shown.wait_for("Client secret (hidden): ")
        shown.type("1-a.apps.googleusercontent.com\n")
        shown.wait_for("are swapped")
        shown.wait_for("Client id: ", since=shown.shown.index("are swapped"))
        shown.type("1-a.apps.googleusercontent.com\n")
        shown.wait_for("Client secret (hidden): ", since=shown.shown.index("are swapped"))
        shown.type("GOCSPX-abc\n")
        assert shown.end() == 0
    assert client(shell, "google") == ("1-a.apps.googleusercontent.com", "***")


def test_an_app_without_a_secret_is_set_after_a_yes(shell):
    name = "11111111-2222-3333-4444-555555555555"
    with shell.at_a_terminal(f"everyauth init microsoft --client-id {name} --no-login") as shown:
        shown.wait_for("Client secret (hidden): ")
        shown.type("\n")
        shown.wait_for("Go on without a client secret? [y/N]")
        shown.type("y\n")
        assert shown.end() == 0
    assert client(shell, "microsoft") == ("11111111-2222-3333-4444-555555555555", None)


def test_without_a_terminal_it_takes_options_and_says_which_are_missing(shell):
    shell.bad("everyauth init", 2, "no service is named", "everyauth init SERVICE --client-id ID --client-secret -")
    shell.bad("everyauth init pagerduty -p work", 2, "--client-id ID, --client-secret -", "--profile work")
    shell.bad("everyauth init zendesk --client-id a --client-secret b", 2, "--param subdomain=...")
    done = shell("everyauth init pagerduty --client-id one --client-secret -", input=" two \n")
    assert (done.code, done.out) == (0, f"{URI}\n")
    assert done.err.endswith("  everyauth login pagerduty\n  everyauth token pagerduty\n")
    assert client(shell) == ("one", "***")
    found = json.loads(shell.good("everyauth init pagerduty --client-id three --client-secret two -o json"))
    assert found["configuration"]["clientId"] == "three"


def test_a_store_that_cannot_be_used_is_replaced_by_a_sealed_file_after_a_yes(everyauth):
    environment = everyauth.environment({"TERM": "dumb"})
    with terminal([*everyauth.argv, "init", "pagerduty", "--no-login"], environment) as shown:
        shown.wait_for("Keep them in a sealed file instead? [y/N]")
        shown.type("y\n")
        shown.wait_for("Client id: ")
        shown.type("one\n")
        shown.wait_for("Client secret (hidden): ")
        shown.type("two\n")
        assert shown.end() == 0
    assert everyauth("store", "status").out.startswith("store      sqlite://")
    assert everyauth("init", "pagerduty", "--client-id", "x", "--client-secret", "y").code == 0


def test_the_redirect_uri_is_copied_where_there_is_a_clipboard(shell, tmp_path):
    clipboard = tmp_path / "clipboard"
    program = tmp_path / "bin" / "xclip"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\nexec cat > {clipboard}\n")
    program.chmod(0o755)
    environment = shell.command.environment({"TERM": "dumb", "DISPLAY": ":9", "BROWSER": "true"})
    environment["PATH"] = f"{program.parent}:{environment['PATH']}"
    with terminal([*shell.command.argv, "init", "pagerduty", "--no-open"], environment) as shown:
        shown.wait_for("Client id: ")
    assert "(it is in the clipboard)" in shown.shown
    assert clipboard.read_text() == URI


def test_service_set_alone_asks_at_a_terminal(shell):
    with shell.at_a_terminal("everyauth service set pagerduty") as shown:
        shown.wait_for("Client id: ")
        shown.type("one\n")
        shown.wait_for("Client secret (hidden): ")
        shown.type("two\n")
        assert shown.end() == 0
    assert URI in shown.shown.splitlines()
    assert client(shell) == ("one", "***")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ("--client-id one --client-secret one", "are the same"),
        ("--client-secret abc...", "is cut"),
        ("--scope read,write", 'everyauth service set pagerduty --scope "read write"'),
    ],
)
def test_service_set_checks_values_too_and_saves_nothing(shell, options, says):
    shell.bad(f"everyauth service set pagerduty {options}", 2, says)
    assert client(shell) == (None, None)


def test_it_goes_on_to_the_login(everyauth):
    with sandbox_shell(everyauth) as shell:
        environment = shell.command.environment({**shell.env, "TERM": "dumb", "BROWSER": browser()})
        given = ["--client-id", shell.sandbox.client_id, "--client-secret", shell.sandbox.client_secret, "--no-open"]
        with terminal([*everyauth.argv, "init", "pagerduty", *given], environment) as shown:
            shown.wait_for("Log in now? [y/N]")
            shown.type("y\n")
            assert shown.end() == 0
        assert "Logged in to PagerDuty as user@example.com (sandbox)" in shown.shown
        assert shell.works(shell.token())
