"""Each fault of the sandbox, and the error that everyauth raises for it."""

from __future__ import annotations

import time

import pytest

from everyauth_cli import errors
from everyauth_cli.sandbox.faults import DESCRIPTIONS, Fault
from everyauth_cli.store.identities import identity_key, read_identity

pytestmark = pytest.mark.slow

NAME = "pagerduty"
TRANSIENT = ["500", "429"]
PAUSE = 31
"""Seconds, longer than a failed refresh is not repeated."""
ERRORS = {
    "500": (errors.ServiceUnreachable, "HTTP 500"),
    "429": (errors.ServiceUnreachable, "asks to wait 30 s"),
    "html": (errors.ServiceUnreadable, "text/html where JSON was expected"),
    "drop-after-rotation": (errors.ServiceUnreachable, "the connection to sandbox.invalid broke"),
}


@pytest.fixture
def expired(everyauth_sandbox):
    """A sandbox with a login whose token has expired."""
    everyauth_sandbox.log_in(NAME)
    everyauth_sandbox.advance(11 * 86400)
    return everyauth_sandbox


def token(sandbox):
    return sandbox.auth.get_identity(NAME).access_token


def refreshing_since(sandbox):
    return read_identity(sandbox.auth.store, identity_key("default", NAME, user="me")).refreshing_since


def works(sandbox, access_token):
    return sandbox.sandbox.server(NAME).user(access_token) is not None


def test_each_fault_has_a_description():
    assert set(DESCRIPTIONS) == set(Fault)


@pytest.mark.parametrize("fault", ERRORS)
def test_a_fault_is_an_error_of_the_service_and_the_credential_is_kept(expired, fault):
    kind, says = ERRORS[fault]
    expired.fault = fault
    with pytest.raises(kind, match=says) as caught:
        token(expired)
    assert caught.value.exit_code == 5
    (identity,) = expired.auth.find()
    assert identity.login_required is None
    assert expired.auth.holds(NAME, user="me")


@pytest.mark.parametrize("fault", ["500", "429", "html"])
def test_without_the_fault_the_next_refresh_works(expired, fault):
    expired.fault = fault
    with pytest.raises(errors.ServiceError):
        token(expired)
    expired.fault = None
    expired.advance(PAUSE)
    assert works(expired, token(expired))


@pytest.mark.parametrize("fault", TRANSIENT)
def test_a_valid_token_is_handed_out_meanwhile(everyauth_sandbox, fault):
    everyauth_sandbox.log_in(NAME)
    before = token(everyauth_sandbox)
    everyauth_sandbox.advance(10 * 86400 - 30)
    everyauth_sandbox.fault = fault
    assert token(everyauth_sandbox) == before
    everyauth_sandbox.fault = None
    everyauth_sandbox.advance(PAUSE)
    assert token(everyauth_sandbox) != before


@pytest.mark.parametrize(("fault", "lost"), [("429", False), ("500", True), ("html", True)])
def test_a_refresh_whose_response_may_be_lost_is_remembered(expired, fault, lost):
    expired.fault = fault
    with pytest.raises(errors.ServiceError):
        token(expired)
    assert (refreshing_since(expired) is not None) == lost


def test_a_rotation_whose_response_was_lost_ends_the_grant(expired):
    expired.fault = "drop-after-rotation"
    with pytest.raises(errors.ServiceUnreachable) as caught:
        token(expired)
    assert caught.value.lost
    assert expired.sandbox.server(NAME).counts["refresh_token"] == 1
    expired.fault = None
    expired.advance(PAUSE)
    with pytest.raises(errors.LoginRequired, match="the response to an earlier refresh was lost") as ended:
        token(expired)
    assert ended.value.exit_code == 4
    assert expired.sandbox.server(NAME).counts["refresh_reuse"] == 1


@pytest.mark.parametrize(("fault", "says"), [("revoked", "its grant is revoked"), ("reuse", "was used before")])
def test_a_revoked_grant_requires_a_login(expired, fault, says):
    expired.fault = fault
    with pytest.raises(errors.LoginRequired, match=says) as caught:
        token(expired)
    assert (caught.value.exit_code, caught.value.hint) == (4, "everyauth login pagerduty")
    expired.fault = None
    with pytest.raises(errors.LoginRequired):
        token(expired)
    assert expired.sandbox.server(NAME).counts["invalid_grant"] == 1
    (identity,) = expired.auth.find()
    assert "invalid_grant" in identity.login_required.reason
    assert expired.log_in(NAME).id == identity.id
    assert works(expired, token(expired))


def test_reuse_revokes_the_whole_family(everyauth_sandbox):
    everyauth_sandbox.log_in(NAME)
    expired = token(everyauth_sandbox)
    everyauth_sandbox.advance(10 * 86400 - 30)
    assert works(everyauth_sandbox, expired)
    everyauth_sandbox.fault = "reuse"
    with pytest.raises(errors.LoginRequired):
        token(everyauth_sandbox)
    assert not works(everyauth_sandbox, expired)
    assert everyauth_sandbox.sandbox.server(NAME).counts["refresh_reuse"] == 1


def test_a_slow_response_is_waited_for(expired):
    expired.sandbox.slow_seconds = 0.3
    expired.fault = "slow"
    begun = time.monotonic()
    assert works(expired, token(expired))
    assert 0.3 <= time.monotonic() - begun < 30


def test_with_the_clock_ahead_an_id_token_is_not_valid_yet(everyauth_sandbox):
    everyauth_sandbox.fault = "clock"
    with pytest.raises(errors.ServiceUnreadable, match="is not valid yet") as caught:
        everyauth_sandbox.log_in(NAME, scope="openid read")
    assert (caught.value.exit_code, caught.value.hint) == (5, "check the clock of this machine")
    assert everyauth_sandbox.auth.find() == []


def test_with_the_clock_ahead_tokens_expire_sooner(everyauth_sandbox):
    everyauth_sandbox.log_in(NAME)
    expired = token(everyauth_sandbox)
    everyauth_sandbox.advance(10 * 86400 - 300)
    assert works(everyauth_sandbox, expired)
    everyauth_sandbox.fault = "clock"
    assert token(everyauth_sandbox) == expired
    assert not works(everyauth_sandbox, expired)


def test_an_unknown_fault_is_refused(everyauth_sandbox):
    with pytest.raises(ValueError, match="meteor"):
        everyauth_sandbox.fault = "meteor"
    assert everyauth_sandbox.fault is None
