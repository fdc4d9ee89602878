"""What app developers' users live through: each fault of the sandbox, and what everyauth makes of it."""

from __future__ import annotations

import time

import pytest

from everyauth_cli import errors
from everyauth_cli.sandbox.faults import ABOUT, Fault
from everyauth_cli.store.identities import identity_key, read_identity

pytestmark = pytest.mark.slow

NAME = "pagerduty"
TRANSIENT = ["500", "429"]
TOLD = {
    "500": (errors.ServiceUnreachable, "HTTP 500"),
    "429": (errors.ServiceUnreachable, "asks to wait 30 s"),
    "html": (errors.ServiceUnreadable, "text/html where JSON was expected"),
    "drop-after-rotation": (errors.ServiceUnreachable, "the connection to 127.0.0.1 broke"),
}


@pytest.fixture
def held(everyauth_sandbox):
    """Somebody logged in; the token has expired."""
    everyauth_sandbox.log_in(NAME)
    everyauth_sandbox.advance(11 * 86400)
    return everyauth_sandbox


def token(sandbox):
    return sandbox.auth.get_identity(NAME).access_token


def refreshing_since(sandbox):
    return read_identity(sandbox.auth.store, identity_key("default", NAME, user="me")).refreshing_since


def works(sandbox, access_token):
    return sandbox.sandbox.server(NAME).user(access_token) is not None


def test_each_fault_is_told_in_a_few_words():
    assert set(ABOUT) == set(Fault)


@pytest.mark.parametrize("fault", TOLD)
def test_a_fault_is_told_with_the_exit_code_of_the_service_and_the_credential_is_kept(held, fault):
    kind, says = TOLD[fault]
    held.fault = fault
    with pytest.raises(kind, match=says) as caught:
        token(held)
    assert caught.value.exit_code == 5
    (identity,) = held.auth.find()
    assert identity.login_required is None
    assert held.auth.holds(NAME, user="me")


@pytest.mark.parametrize("fault", ["500", "429", "html"])
def test_when_it_is_over_the_next_refresh_works(held, fault):
    held.fault = fault
    with pytest.raises(errors.ServiceError):
        token(held)
    held.fault = None
    assert works(held, token(held))


@pytest.mark.parametrize("fault", TRANSIENT)
def test_a_living_token_is_handed_out_meanwhile(everyauth_sandbox, fault):
    everyauth_sandbox.log_in(NAME)
    before = token(everyauth_sandbox)
    everyauth_sandbox.advance(10 * 86400 - 30)
    everyauth_sandbox.fault = fault
    assert token(everyauth_sandbox) == before
    everyauth_sandbox.fault = None
    assert token(everyauth_sandbox) != before


@pytest.mark.parametrize(("fault", "lost"), [("429", False), ("500", True), ("html", True)])
def test_what_may_have_been_lost_is_remembered(held, fault, lost):
    held.fault = fault
    with pytest.raises(errors.ServiceError):
        token(held)
    assert (refreshing_since(held) is not None) == lost


def test_a_rotation_whose_answer_was_lost_ends_the_grant_and_says_why(held):
    held.fault = "drop-after-rotation"
    with pytest.raises(errors.ServiceUnreachable) as caught:
        token(held)
    assert caught.value.lost
    assert held.sandbox.server(NAME).counts["refresh_token"] == 1
    held.fault = None
    with pytest.raises(errors.LoginRequired, match="an answer to an earlier refresh was lost on the way") as ended:
        token(held)
    assert ended.value.exit_code == 4
    assert held.sandbox.server(NAME).counts["refresh_reuse"] == 1


@pytest.mark.parametrize(("fault", "says"), [("revoked", "its grant is revoked"), ("reuse", "was used before")])
def test_a_grant_that_is_gone_stays_gone_and_asks_for_a_login(held, fault, says):
    held.fault = fault
    with pytest.raises(errors.LoginRequired, match=says) as caught:
        token(held)
    assert (caught.value.exit_code, caught.value.hint) == (4, "everyauth login pagerduty")
    held.fault = None
    with pytest.raises(errors.LoginRequired):
        token(held)
    assert held.sandbox.server(NAME).counts["invalid_grant"] == 1
    (identity,) = held.auth.find()
    assert "invalid_grant" in identity.login_required.reason
    assert held.log_in(NAME).id == identity.id
    assert works(held, token(held))


def test_reuse_revokes_the_whole_family(everyauth_sandbox):
    everyauth_sandbox.log_in(NAME)
    held = token(everyauth_sandbox)
    everyauth_sandbox.advance(10 * 86400 - 30)
    assert works(everyauth_sandbox, held)
    everyauth_sandbox.fault = "reuse"
    with pytest.raises(errors.LoginRequired):
        token(everyauth_sandbox)
    assert not works(everyauth_sandbox, held)
    assert everyauth_sandbox.sandbox.server(NAME).counts["refresh_reuse"] == 1


def test_a_slow_answer_is_waited_for(held):
    held.sandbox.slow_seconds = 0.3
    held.fault = "slow"
    begun = time.monotonic()
    assert works(held, token(held))
    assert 0.3 <= time.monotonic() - begun < 5


def test_with_the_clock_ahead_an_id_token_does_not_hold_yet(everyauth_sandbox):
    everyauth_sandbox.fault = "clock"
    with pytest.raises(errors.ServiceUnreadable, match="does not hold yet") as caught:
        everyauth_sandbox.log_in(NAME)
    assert (caught.value.exit_code, caught.value.hint) == (5, "check the clock of this machine")
    assert everyauth_sandbox.auth.find() == []


def test_with_the_clock_ahead_tokens_live_shorter(everyauth_sandbox):
    everyauth_sandbox.log_in(NAME)
    held = token(everyauth_sandbox)
    everyauth_sandbox.advance(10 * 86400 - 300)
    assert works(everyauth_sandbox, held)
    everyauth_sandbox.fault = "clock"
    assert token(everyauth_sandbox) == held
    assert not works(everyauth_sandbox, held)


def test_a_fault_that_is_none_is_refused(everyauth_sandbox):
    with pytest.raises(ValueError, match="meteor"):
        everyauth_sandbox.fault = "meteor"
    assert everyauth_sandbox.fault is None
