"""`everyauth login --exchange`: its options, and what a subject that is not logged in costs."""

import json

import pytest
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
