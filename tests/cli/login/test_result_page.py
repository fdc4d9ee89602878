"""The result page of each kind of login: a title, plain words, and the command to type."""

import pytest

from everyauth_cli import errors
from everyauth_cli.cli.login.result_page import failure, question, success
from everyauth_cli.model import Account, Identity

LOGIN = "everyauth login op --user ann"
SET = "everyauth service set op --client-id ID --client-secret -"
SENTENCE = "make that directory writable, or name another with EVERYAUTH_HOME"
ERRORS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.EveryAuthError)]


def identity(*, tenant="ann", account="ann@example.com"):
    return Identity(
        id="idn-1",
        service="op",
        user="ann",
        tenant=tenant,
        tags={},
        scope=None,
        account=Account(subject="1", label=account) if account else None,
        created_at=0,
        granted_at=0,
        updated_at=0,
        expires_at=None,
        refreshable=True,
        client_id="client",
        origins={"token_endpoint": "https://op.example"},
    )


def page_of(error):
    return failure(error, service_title="The {OP}", login_command=LOGIN)


def test_success_shows_account_and_user():
    result = success(identity(), service_title="The {OP}")
    assert (result.good, result.title, result.command) == (True, "Logged in to The {OP}", "")
    assert result.text == "You are signed in there as ann@example.com. The credential is stored here for user “ann”."
    assert "close this window" in result.next_step


def test_success_shows_tenant_and_missing_scopes():
    result = success(identity(tenant="acme", account=""), service_title="OP", missing_scopes=["a", "b"])
    assert (
        result.text == "The credential is stored here for user “ann” of tenant “acme”. Requested but not granted: a b."
    )


@pytest.mark.parametrize("kind", [kind for kind in ERRORS if kind is not errors.Ambiguous])
def test_every_error_has_a_title_a_text_and_a_command(kind):
    result = page_of(kind("what <happened>"))
    assert not result.good
    assert result.title
    assert result.text.endswith(".")
    assert result.detail.startswith("In the terminal: what <happened>")
    assert result.next_step.endswith(":")
    assert result.command.splitlines()[-1] == LOGIN
    assert "{service}" not in result.title + result.text + result.next_step


FAILURES = [
    (errors.LoginDenied, "Access denied", "You denied access at The {OP}"),
    (errors.LoginTimedOut, "The login took too long", "too late"),
    (errors.OtherAccount, "Another account than before", "The old credential was kept"),
    (errors.LoginFailed, "Not logged in", "could not be used"),
    (errors.StoreLocked, "Granted, but not stored", "could not be stored"),
    (errors.ClientRejected, "The {OP} does not know this client", "the client id or the client secret"),
    (errors.ServiceUnreachable, "The {OP} is not available", "just now"),
    (errors.ServiceUnreadable, "The {OP} sent a response that cannot be used", "not meant for this login"),
    (errors.InvalidGrant, "The {OP} refused the login", "did not issue"),
    (errors.ConfigurationProblem, "Not logged in", "could not be used"),
]


@pytest.mark.parametrize(("kind", "title", "words"), FAILURES)
def test_each_kind_of_failure_has_its_own_text(kind, title, words):
    result = page_of(kind("what happened"))
    assert result.title == title
    assert words in result.text


NEXT_STEPS = [
    (None, "To log in again:", [LOGIN]),
    (LOGIN, "To log in again:", [LOGIN]),
    ("everyauth store status", "Do this first, then log in again:", ["everyauth store status", LOGIN]),
    (
        "check token_endpoint: everyauth service get op",
        "Check token_endpoint, then log in again:",
        ["everyauth service get op"],
    ),
    ("try again later", "Try again later:", [LOGIN]),
    ("delete that item by hand, then log in again", "Delete that item by hand, then log in again:", [LOGIN]),
    (SENTENCE, f"M{SENTENCE[1:]}, then log in again:", [LOGIN]),
]


@pytest.mark.parametrize(("hint", "words", "commands"), NEXT_STEPS)
def test_the_hint_leads_to_the_command(hint, words, commands):
    result = page_of(errors.StoreError("what happened", hint=hint))
    assert result.next_step == words
    assert result.command.splitlines() == [*dict.fromkeys([*commands, LOGIN])]


def test_a_next_step_of_its_own_comes_before_the_hint():
    result = page_of(errors.ClientRejected("what happened", hint=f"check the method; to set the secret again: {SET}"))
    assert result.next_step == "Check the method; to set the secret again:"
    assert result.command == f"{SET}\n{LOGIN}"
    result = page_of(errors.OtherAccount("what happened", hint=f"log in with --user NAME: {LOGIN} --replace"))
    assert "--user NAME" in result.next_step
    assert result.command.splitlines()[0] == f"{LOGIN} --replace"


def test_another_account_is_a_question_at_a_terminal():
    other = errors.OtherAccount("ann at op is the account A, and this login came back as B; the old one was kept")
    page = question(other, service_title="Op")
    assert not page.good
    assert page.title == failure(other, service_title="Op", login_command=LOGIN).title
    assert "answer there" in page.next_step
    assert page.command == ""
    assert "was kept" not in page.text
