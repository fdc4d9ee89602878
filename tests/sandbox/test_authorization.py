"""The authorization endpoint of the sandbox."""

from urllib.parse import urlencode

import pytest
from peers.visitor import DENIAL, REDIRECT_URI, query, returned, shown_to_the_user, visiting


def test_consent_page_shows_the_client_and_the_scopes(visitor):
    page = visitor.authorize()
    assert page.status_code == 200
    assert page.headers["cache-control"] == "no-store"
    assert "form-action 'self' http://127.0.0.1:28282;" in page.headers["content-security-policy"] + ";"
    for text in ("PagerDuty", "sandbox-client", "<li>openid</li>", "<li>read</li>", "<li>write</li>", "Sign in as"):
        assert text in page.text


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": "another"},
        {"client_id": None},
        {"redirect_uri": None},
        {"redirect_uri": REDIRECT_URI + "/"},
        {"redirect_uri": REDIRECT_URI + "?a=b"},
        {"redirect_uri": "http://127.0.0.1:28283/callback/pagerduty"},
        {"redirect_uri": "https://evil.example/"},
        # More than one error: an unregistered redirect URI still gets no redirect.
        {"redirect_uri": "https://evil.example/", "response_type": "token"},
    ],
)
def test_no_redirect_before_the_redirect_uri_is_verified(visitor, changes):
    shown_to_the_user(visitor.authorize(**changes))


def test_parameter_given_twice_is_shown_to_the_user(visitor):
    shown_to_the_user(visitor.http.get("/pagerduty/authorize?" + urlencode([*query().items(), ("state", "state-2")])))


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": None}, "invalid_request"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
    ],
)
def test_other_errors_are_sent_to_the_client(visitor, changes, error):
    parameters = returned(visitor.authorize(**changes))
    assert parameters["error"] == error
    assert parameters["error_description"]
    assert parameters["state"] == "state-1"


def test_allow_gives_code_and_state(visitor):
    response = visitor.decide(visitor.authorize())
    parameters = returned(response)
    assert set(parameters) == {"code", "state"}
    assert parameters["state"] == "state-1"
    assert response.headers["referrer-policy"] == "no-referrer"


def test_without_a_state_there_is_none_in_the_response(visitor):
    assert set(returned(visitor.decide(visitor.authorize(state=None)))) == {"code"}


def test_deny(visitor):
    parameters = returned(visitor.decide(visitor.authorize(), "deny"))
    assert parameters == {"error": "access_denied", "error_description": DENIAL, "state": "state-1"}


def test_a_request_is_decided_once(visitor):
    page = visitor.authorize()
    visitor.decide(page)
    shown_to_the_user(visitor.decide(page))


@pytest.mark.parametrize("changes", [{"transaction": "made-up"}, {"transaction": ""}, {"decision": "perhaps"}])
def test_a_decision_needs_the_page(visitor, changes):
    shown_to_the_user(visitor.decide(visitor.authorize(), **changes))


def test_a_decision_needs_a_user(visitor):
    page = visitor.authorize()
    shown_to_the_user(visitor.decide(page, user=""))
    assert "code" in returned(visitor.decide(page))


def test_a_request_expires(visitor):
    page = visitor.authorize()
    visitor.clock.tick(600)
    shown_to_the_user(visitor.decide(page))


def test_html_is_escaped():
    nasty = "<script>alert(1)</script>"
    with visiting(client_id=nasty) as visitor:
        page = visitor.authorize(client_id=nasty, state=nasty)
        assert page.status_code == 200
        assert "<script>" not in page.text
        assert "&lt;script&gt;" in page.text
