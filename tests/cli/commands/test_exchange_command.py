"""`everyauth login --exchange` at the sandbox: its options, its token, and a subject that is not logged in."""

import json

import pytest
from peers.front import Gate, front
from peers.sandbox import sandbox_shell

pytestmark = pytest.mark.slow
LOGIN = "everyauth login figma"


@pytest.fixture
def shell(everyauth):
    with sandbox_shell(everyauth) as shell:
        yield shell


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("--audience a", "--audience is for --identity-token-from or --exchange"),
        ("--exchange pagerduty --client-credentials", "are different grants"),
        ("--exchange pagerduty --resource a", "it is no absolute URI"),
        ("--exchange figma", 'user "me" has not logged in at figma'),
        ("--exchange pagerduty --user ann", 'user "ann" has not logged in at pagerduty'),
        ("--exchange idn-0123456789abcdef", "no identity in profile"),
        ("--exchange pagerdu", "did you mean pagerduty"),
    ],
)
def test_what_cannot_be_exchanged_is_said_and_nothing_is_stored(shell, options, words):
    shell.good("everyauth service set figma --client-id id --client-secret -", input="secret")
    done = shell(f"{LOGIN} {options}")
    assert done.code in (2, 3, 4)
    assert done.out == ""
    assert words in done.err
    assert json.loads(shell.good("everyauth identity ls -o json"))["items"] == []


def set_up_figma(shell, **keys):
    path = shell.command.home / "services" / "figma.toml"
    lines = {**shell.sandbox.override("figma"), **keys}.items()
    path.write_text("".join(f"{key} = {json.dumps(value)}\n" for key, value in lines), encoding="utf-8")
    secret = shell.sandbox.client_secret
    shell.good(f"everyauth service set figma --client-id {shell.sandbox.client_id} --client-secret -", input=secret)


def test_an_exchange_for_another_subject_is_not_taken_for_this_one(shell):
    shell.log_in()
    shell.log_in("ann", account="ann@example.com")
    ann = json.loads(shell.good("everyauth identity ls --user ann -o json"))["items"][0]["identityId"]
    with front(shell.sandbox.override("figma")["token_endpoint"]) as endpoint:
        set_up_figma(shell, token_endpoint=endpoint.url)
        endpoint.before = gate = Gate()
        first = shell.start(f"{LOGIN} --exchange pagerduty")
        assert gate.reached.wait(60)
        second = shell.start(f"{LOGIN} --exchange {ann}")
        assert "Waiting for another login" in second.stderr.readline()
        gate.open.set()
        first.communicate(timeout=60)
        _, err = second.communicate(timeout=60)
    assert (first.returncode, second.returncode) == (0, 4)
    assert "ann@example.com" in err


def test_a_token_of_another_service_is_exchanged_now_and_at_each_refresh(shell):
    set_up_figma(shell)
    shell.log_in()
    identity = json.loads(shell.good(f"{LOGIN} --exchange pagerduty --audience figma-api -o json"))
    assert identity["refreshable"] is True
    first = shell.good("everyauth token figma")
    shell.good("everyauth identity refresh")
    second = shell.good("everyauth token figma")
    assert first != second
    assert shell.sandbox.server("figma").user(second.strip()) is not None
    assert shell.sandbox.server("figma").counts["urn:ietf:params:oauth:grant-type:token-exchange"] == 2
    shell.good("everyauth logout pagerduty")
    done = shell("everyauth identity refresh")
    assert done.code == 4
    assert "everyauth login pagerduty" in done.out


def test_the_guide_to_a_service_that_has_the_grant_says_how(shell):
    path = shell.command.home / "services" / "figma.toml"
    path.write_text('grant_types_supported = ["urn:ietf:params:oauth:grant-type:token-exchange"]\n', encoding="utf-8")
    assert "everyauth login figma --exchange SERVICE" in shell.good("everyauth service get figma")
