"""The authorization request, and every authorization response that is refused."""

from dataclasses import replace
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from everyauth_cli.errors import EveryAuthError, LoginDenied, LoginFailed, ServiceError
from everyauth_cli.model import Secret, Service
from everyauth_cli.oauth.authorization_code import (
    ERROR_HINTS,
    authorization_url,
    begin,
    challenge,
    has_issuer_of,
    has_state_of,
    read_response,
)
from everyauth_cli.oauth.login_request import LoginRequest

ISSUER = "https://issuer.example"
SERVICE = Service(
    name="example",
    title="Example",
    authorization_endpoint="https://issuer.example/authorize",
    token_endpoint="https://issuer.example/token",
    issuer=ISSUER,
)
REQUEST = LoginRequest(
    service="example",
    user="me",
    tenant="me",
    tags={},
    scope="read write",
    client_id="the client",
    token_endpoint="https://issuer.example/token",
    started_at=1_000,
    issuer=ISSUER,
)
REDIRECT_URI = "http://127.0.0.1:28282/callback/example"


def pending(service=SERVICE, *, scope="read write"):
    return begin(service, replace(REQUEST, scope=scope), redirect_uri=REDIRECT_URI)


PENDING = pending()
STATE = PENDING.state.reveal()


def request_params(service=SERVICE, login=None):
    return dict(parse_qsl(urlsplit(authorization_url(service, login or pending(service))).query))


def test_challenge_is_that_of_rfc_7636_appendix_b():
    assert challenge(Secret("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")) == (
        "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
    )


def test_authorization_url_carries_what_the_protocol_wants_and_nothing_else():
    url = authorization_url(SERVICE, PENDING)
    assert url.startswith("https://issuer.example/authorize?")
    assert dict(parse_qsl(urlsplit(url).query)) == {
        "response_type": "code",
        "client_id": "the client",
        "redirect_uri": REDIRECT_URI,
        "state": STATE,
        "scope": "read write",
        "code_challenge": challenge(PENDING.verifier),
        "code_challenge_method": "S256",
    }


def test_authorization_url_does_not_show_the_verifier():
    url = authorization_url(SERVICE, PENDING)
    assert PENDING.verifier.reveal() not in url


def test_each_login_has_a_state_and_a_verifier_of_its_own_that_are_long_enough():
    logins = [pending() for _ in range(50)]
    assert len({login.state.reveal() for login in logins}) == 50
    assert len({login.verifier.reveal() for login in logins}) == 50
    assert all(len(login.state.reveal()) >= 22 for login in logins)
    assert all(43 <= len(login.verifier.reveal()) <= 128 for login in logins)


def test_a_login_holds_its_request_and_its_redirect_uri():
    assert (PENDING.request, PENDING.redirect_uri) == (REQUEST, REDIRECT_URI)


def test_a_service_without_pkce_gets_no_challenge():
    fields = request_params(replace(SERVICE, pkce=False))
    assert not {"code_challenge", "code_challenge_method"} & fields.keys()


def test_an_empty_scope_is_left_out():
    assert "scope" not in request_params(login=pending(scope=""))


def test_further_parameters_are_added_and_cannot_replace_ours():
    fields = request_params(
        replace(SERVICE, authorization_params={"access_type": "offline", "state": "fixed"}), PENDING
    )
    assert fields["access_type"] == "offline"
    assert fields["state"] == STATE


def test_the_query_of_the_endpoint_is_kept():
    url = authorization_url(
        replace(SERVICE, authorization_endpoint="https://issuer.example/authorize?tenant=a%2Fb"), PENDING
    )
    assert urlsplit(url).query.startswith("tenant=a%2Fb&")
    assert dict(parse_qsl(urlsplit(url).query))["state"] == STATE


def test_a_good_answer_gives_the_code():
    assert read_response(SERVICE, PENDING, [("code", "c0de"), ("state", STATE)]).code == Secret("c0de")


def test_a_good_answer_gives_the_named_fields_and_no_others():
    service = replace(SERVICE, keep_callback=("realmId", "missing"))
    query = [("code", "c0de"), ("state", STATE), ("realmId", "12"), ("other", "x")]
    assert read_response(service, PENDING, query).kept == {"realmId": "12"}


@pytest.mark.parametrize(
    ("query", "ours"),
    [
        ([("state", STATE)], True),
        ([("state", STATE), ("code", "x")], True),
        ([], False),
        ([("state", "")], False),
        ([("state", STATE + "x")], False),
        ([("state", STATE[:-1])], False),
        ([("state", STATE.swapcase())], False),
        ([("State", STATE)], False),
        ([("state", STATE), ("state", STATE)], False),
        ([("state", STATE), ("state", "x")], False),
        ([("state", "zustand-ü")], False),
    ],
)
def test_only_our_state_once_makes_an_answer_ours(query, ours):
    assert has_state_of(PENDING, query) is ours


S = ("state", STATE)
REFUSED = [
    ("state missing", [("code", "c")], "another"),
    ("state wrong", [("code", "c"), ("state", "x")], "another"),
    ("state twice", [("code", "c"), S, S], "another"),
    ("code twice", [("code", "c"), ("code", "d"), S], "code twice"),
    ("same code twice", [("code", "c"), ("code", "c"), S], "code twice"),
    ("iss twice", [("code", "c"), S, ("iss", ISSUER), ("iss", ISSUER)], "iss twice"),
    ("error twice", [("error", "a"), ("error", "b"), S], "error twice"),
    ("iss of another", [("code", "c"), S, ("iss", "https://evil.example")], "https://evil.example"),
    ("iss with a slash more", [("code", "c"), S, ("iss", ISSUER + "/")], "another authorization server"),
    ("iss empty", [("code", "c"), S, ("iss", "")], "names no issuer"),
    (
        "iss of another with an error",
        [("error", "access_denied"), S, ("iss", "https://evil.example")],
        "another authorization server",
    ),
    ("code and error", [("code", "c"), ("error", "access_denied"), S], "both a code and an error"),
    ("empty code and error", [("code", ""), ("error", "access_denied"), S], "both a code and an error"),
    ("denied", [("error", "access_denied"), ("error_description", "no,\r\nthanks"), S], "access_denied: no, thanks"),
    ("neither", [S], "neither"),
    ("empty code", [("code", ""), S], "neither"),
]


@pytest.mark.parametrize(("query", "says"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_a_response_is_refused(query, says):
    with pytest.raises(LoginFailed) as caught:
        read_response(SERVICE, PENDING, query)
    assert says in caught.value.message
    assert caught.value.exit_code == 4
    assert STATE not in caught.value.message


def test_an_issuer_that_always_names_itself_must():
    service = replace(SERVICE, authorization_response_iss_parameter_supported=True)
    with pytest.raises(LoginFailed, match="names no issuer"):
        read_response(service, PENDING, [("code", "c"), S])
    with pytest.raises(LoginFailed, match="names no issuer"):
        read_response(service, PENDING, [("error", "access_denied"), S])
    assert read_response(service, PENDING, [("code", "c"), S, ("iss", ISSUER)]).code == Secret("c")


@pytest.mark.parametrize("response", [("code", "c"), ("error", "access_denied")])
def test_iss_is_compared_with_the_issuer_that_the_login_was_begun_at(response):
    moved = replace(SERVICE, issuer="https://moved.example")
    with pytest.raises(LoginFailed, match=r"not https://issuer\.example: it may come from another"):
        read_response(moved, PENDING, [response, S, ("iss", "https://moved.example")])
    assert has_issuer_of(moved, PENDING, [response, S, ("iss", ISSUER)])


def test_an_error_in_words_of_the_services_own_is_understood():
    service = replace(SERVICE, error_words={"user_cancelled": "access_denied", "bad_scope": "invalid_scope"})
    with pytest.raises(LoginDenied, match="user_cancelled"):
        read_response(service, PENDING, [("error", "user_cancelled"), S])
    with pytest.raises(ServiceError, match="bad_scope") as caught:
        read_response(service, PENDING, [("error", "bad_scope"), S])
    assert "--scope" in caught.value.hint


@pytest.mark.parametrize("error", [*ERROR_HINTS, "invalid_request", "strange\x1b[31m"])
def test_an_error_of_the_service_comes_with_a_hint(error):
    with pytest.raises(ServiceError) as caught:
        read_response(SERVICE, PENDING, [("error", error), ("error_description", "because"), S])
    assert "because" in caught.value.message
    assert "\x1b" not in caught.value.message
    assert caught.value.exit_code == 5
    assert bool(caught.value.hint) == (error in ERROR_HINTS)
    assert "{" not in (caught.value.hint or "")


def test_the_hint_for_a_wrong_scope_can_be_typed():
    with pytest.raises(ServiceError) as caught:
        read_response(SERVICE, PENDING, [("error", "invalid_scope"), S])
    assert "everyauth service set example --scope" in caught.value.hint


NAMES = st.sampled_from(["state", "code", "error", "error_description", "iss", "realmId"]) | st.text(max_size=5)
VALUES = st.sampled_from([STATE, STATE + "x", "c0de", ISSUER, "access_denied", ""]) | st.text(max_size=20)
STRICT = replace(SERVICE, authorization_response_iss_parameter_supported=True, keep_callback=("realmId",))


@pytest.mark.slow
@settings(max_examples=500)
@given(st.lists(st.tuples(NAMES, VALUES), max_size=8))
@example([("state", STATE), ("code", "c0de")])
@example([("state", STATE), ("code", "c0de"), ("iss", ISSUER)])
@pytest.mark.parametrize("service", [SERVICE, STRICT])
def test_any_query_is_refused_or_gives_the_one_code_that_came_with_our_state(service, query):
    try:
        code = read_response(service, PENDING, query).code.reveal()
    except EveryAuthError:
        return
    assert [value for name, value in query if name == "state"] == [STATE]
    assert [value for name, value in query if name == "code"] == [code]
    assert code
    assert "error" not in dict(query)
    assert [value for name, value in query if name == "iss"] in ([ISSUER], [] if service is SERVICE else [ISSUER])
