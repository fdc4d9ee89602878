"""Each decision between two polls for a device's token (RFC 8628 section 3.5)."""

from email.utils import formatdate

import pytest
from peers.token_server import NOW, json_response

from everyauth_cli.errors import (
    ClientRejected,
    EveryAuthError,
    InvalidGrant,
    LoginDenied,
    LoginFailed,
    LoginTimedOut,
    ServiceError,
    ServiceUnreachable,
    ServiceUnreadable,
)
from everyauth_cli.model import Response, Secret, Service
from everyauth_cli.oauth import polling
from everyauth_cli.oauth.polling import Polling
from everyauth_cli.oauth.token_endpoint import read_token

SERVICE = Service(name="example", title="Example", authorization_endpoint="", token_endpoint="https://issuer.example/t")
PAGE = Response(status=400, content_type="text/html", body=Secret(b"<html>authorization_pending</html>"))


def after(response, pace=None, *, service=SERVICE):
    """The pace after a poll with that response, or that failed."""
    try:
        if isinstance(response, Exception):
            raise response
        read_token(service, response, requested_scope=None, now=NOW)
    except EveryAuthError as error:
        given = response if isinstance(response, Response) else None
        return polling.after(pace or polling.first(5.0), service, error, given, now=NOW)
    raise AssertionError(response)


def error(code, status=400, **more):
    return json_response({"error": code, **more}, status=status)


def busy(retry_after=None, status=429):
    return Response(status=status, content_type="", body=Secret(b""), retry_after=retry_after)


def test_the_first_poll_waits_too():
    assert polling.first(7.0) == Polling(interval=7.0, wait=7.0)


@pytest.mark.parametrize("status", [200, 400, 401, 403, 428])
def test_a_user_who_has_not_decided_is_waited_for(status):
    assert after(error("authorization_pending", status)) == Polling(interval=5.0, wait=5.0)


def test_slow_down_holds_for_all_polls_that_follow():
    slower = after(error("slow_down"))
    assert slower == Polling(interval=10.0, wait=10.0)
    assert after(error("authorization_pending"), slower) == slower
    assert after(error("slow_down"), slower) == Polling(interval=15.0, wait=15.0)


@pytest.mark.parametrize(
    ("named", "interval"),
    [
        *[(30, 30.0), ("30", 30.0), (10, 10.0), (1, 10.0), (-1, 10.0), ("x", 10.0)],
        *[(" " * 12 + "30", 30.0), pytest.param(10**350, polling.LONGEST_STATED, id="long")],
    ],
)
def test_slow_down_may_name_the_interval_but_no_shorter_one(named, interval):
    assert after(error("slow_down", 200, interval=named)).interval == interval


def test_429_slows_all_polls_that_follow():
    slower = after(busy())
    assert (slower.interval, slower.wait) == (7.5, 7.5)
    assert "429" in slower.problem
    assert after(error("authorization_pending"), slower) == Polling(interval=7.5, wait=7.5)


@pytest.mark.parametrize(
    ("retry_after", "wait"),
    [("60", 60.0), ("2", 7.5), ("soon", 7.5), (formatdate(NOW / 1000 + 90), 90.0), ("9" * 12, 24 * 60 * 60.0)],
)
def test_a_retry_after_is_waited_for(retry_after, wait):
    assert after(busy(retry_after)).wait == wait


@pytest.mark.parametrize(
    "failure",
    [
        busy(status=500),
        busy(status=503),
        PAGE,
        Response(status=200, content_type="text/html", body=Secret(b"<h1>Accept the terms of this network</h1>")),
        Response(status=302, content_type="", body=Secret(b"")),
        ServiceUnreachable("example does not respond"),
        ServiceUnreachable("example did not respond in 30 s", lost=True),
    ],
)
def test_a_failure_that_says_nothing_of_the_login_slows_until_the_server_responds(failure):
    once = after(failure)
    assert (once.interval, once.wait) == (5.0, 7.5)
    assert once.problem
    twice = after(failure, once)
    assert (twice.interval, twice.wait) == (5.0, 11.25)
    assert after(error("authorization_pending"), twice) == Polling(interval=5.0, wait=5.0)


def test_failures_slow_to_a_minute_or_half_as_long_again_as_the_interval():
    pace = polling.first(5.0)
    for _ in range(20):
        pace = after(busy(status=500), pace)
    assert pace.wait == 60.0
    slower = after(ServiceUnreachable("no response"), polling.first(90.0))
    assert slower.wait == after(ServiceUnreachable("no response"), slower).wait == 135.0


def test_a_refused_proof_of_the_key_ends_the_login_and_a_nonce_does_not():
    with pytest.raises(ServiceUnreachable, match="invalid_dpop_proof") as caught:
        after(error("invalid_dpop_proof"))
    assert caught.value.hint == "check the clock of this machine, and try again"
    assert after(error("use_dpop_nonce")).wait == 7.5


def test_the_user_denied():
    with pytest.raises(LoginDenied):
        after(error("access_denied"))


def test_the_code_has_expired():
    with pytest.raises(LoginTimedOut):
        after(error("expired_token"))


def test_a_code_that_is_not_valid_any_more():
    with pytest.raises(LoginFailed, match="did not accept the device code"):
        after(error("invalid_grant"))


@pytest.mark.parametrize(
    ("response", "kind"),
    [
        (error("invalid_client", 401), ClientRejected),
        (error("unauthorized_client"), ClientRejected),
        (error("unsupported_grant_type"), ServiceError),
        (error("invented_code"), ServiceError),
        (json_response({}), ServiceUnreadable),
        (json_response({"status": "waiting"}), ServiceUnreadable),
    ],
)
def test_any_other_error_ends_the_login(response, kind):
    with pytest.raises(kind):
        after(response)


def test_a_service_s_own_words_are_the_standard_s():
    words = {"authorization_declined": "access_denied", "wait": "authorization_pending", "late": "expired_token"}
    service = Service(name="e", title="E", authorization_endpoint="", token_endpoint="", error_words=words)
    assert after(error("wait"), service=service).wait == 5.0
    with pytest.raises(LoginDenied):
        after(error("authorization_declined"), service=service)
    with pytest.raises(LoginTimedOut):
        after(error("late"), service=service)


def test_an_invalid_grant_is_raised_as_the_end_of_the_login():
    with pytest.raises(LoginFailed):
        after(InvalidGrant("example answered invalid_grant"))
