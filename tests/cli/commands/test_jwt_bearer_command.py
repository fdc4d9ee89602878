"""Logins with an assertion that the client's key signs, at the sandbox: no browser, and none where none is possible."""

import json

import pytest
from peers.sandbox import sandbox_shell

pytestmark = pytest.mark.slow

SERVICE = "google-service-account"


@pytest.fixture
def shell(everyauth):
    with sandbox_shell(everyauth) as shell:
        yield shell


def refused(done, *says):
    assert (done.code, done.out) == (2, ""), done
    assert all(text in done.err for text in says), done.err


def test_a_service_that_has_no_other_grant_is_logged_in_at_without_an_option(shell):
    identity = json.loads(shell.good(f"everyauth login {SERVICE} --sandbox -o json"))
    assert identity["account"]["label"].startswith("client ")
    assert identity["refreshable"] is True
    assert shell.good(f"everyauth token {SERVICE} --profile sandbox").strip()
    identity = json.loads(shell.good(f"everyauth login {SERVICE} --sandbox --user ann --subject ann@x.example -o json"))
    assert identity["account"]["label"] == "ann@x.example"


def test_a_user_has_to_be_named_where_the_service_wants_one(shell):
    for name in ("docusign", "salesforce"):
        refused(shell(f"everyauth login {name} --sandbox --jwt-bearer"), "needs the name of the user", "--subject WHO")
        identity = json.loads(shell.good(f"everyauth login {name} --sandbox --jwt-bearer --subject ann -o json"))
        assert identity["account"]["subject"] == "ann"
    line = "everyauth login salesforce --sandbox --jwt-bearer --subject ann --scope api"
    refused(shell(line), "takes no scope in this grant")
    refused(shell("everyauth login docusign --sandbox --subject ann"), "--subject is for --jwt-bearer")


def test_what_is_missing_is_a_key_file_and_nothing_says_redirect(shell):
    command = f"everyauth service set {SERVICE} --private-key FILE"
    for line in (f"login {SERVICE}", f"init {SERVICE}", f"service key {SERVICE}"):
        done = shell(f"everyauth {line}")
        refused(done, command)
        assert "redirect URI" not in done.err
    guide = shell.good(f"everyauth service get {SERVICE}")
    assert command in guide
    assert "edirect URI" not in guide
    guide = json.loads(shell.good(f"everyauth service get {SERVICE} -o json"))
    assert (guide["redirectUri"], guide["setup"][-2:]) == (None, [command, f"everyauth login {SERVICE}"])
    guide = shell.good("everyauth service get docusign")
    assert "everyauth login docusign --jwt-bearer --subject WHO" in guide
    assert json.loads(shell.good("everyauth service get pagerduty -o json"))["setupWithoutBrowser"] == []


def test_a_client_whose_secret_is_signed_takes_a_key_file_and_two_settings(shell):
    command = "everyauth service set apple --client-id ID --private-key FILE --param team_id=... --param key_id=..."
    assert command in shell.good("everyauth service get apple")
    refused(shell("everyauth init apple"), command)
    shell.good("everyauth service set apple --client-id ID --param team_id=T --param key_id=K")
    refused(shell("everyauth login apple"), "takes a client with a private key", "--private-key FILE")
