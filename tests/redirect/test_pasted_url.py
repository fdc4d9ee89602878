"""A pasted text: an authorization response, or the reason why it is none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everyauth_cli.redirect.pasted_url import (
    INCOMPLETE,
    NO_RESPONSE,
    NOT_A_URL,
    START_URL,
    InvalidPaste,
    read_redirect_url,
)

OURS = "http://127.0.0.1:28282/callback/example"
THEIRS = "https://auth.example/authorize?client_id=id&state=s"
FOREIGN = "https://you.example/callback?tenant=1"
QUERY = [("code", "c0de"), ("state", "s")]


def read(text, redirect_uri=OURS):
    return read_redirect_url(text, redirect_uri=redirect_uri, authorization_url=THEIRS)


@pytest.mark.parametrize(
    "text",
    [
        f"{OURS}?code=c0de&state=s",
        f" \t<{OURS}?code=c0de&state=s>\r\n",
        f'"{OURS}?code=c0de&state=s"',
        f"' {OURS}?code=c0de&state=s '",
        f"{OURS}?code=c0de&state=s#_=_",
        f"{OURS}?code=%630de&state=s",
        "HTTP://127.0.0.1:28282/callback/example?code=c0de&state=s",
        "http://localhost:28282/callback/example?code=c0de&state=s",
        "http://[::1]:28282/callback/example?code=c0de&state=s",
    ],
)
def test_the_redirect_url_is_read_however_it_was_copied(text):
    assert read(text) == QUERY


@pytest.mark.parametrize(
    ("text", "redirect_uri", "query"),
    [
        (f"{FOREIGN}&code=c0de&state=s", FOREIGN, [("tenant", "1"), *QUERY]),
        ("https://you.example:443/callback?code=c0de&state=s", FOREIGN, QUERY),
        ("https://YOU.example/?code=c0de&state=s", "https://you.example", QUERY),
        (f"{OURS}?error=access_denied&state=s", OURS, [("error", "access_denied"), ("state", "s")]),
        (f"{OURS}?code=&state=", OURS, [("code", ""), ("state", "")]),
        (
            f"{OURS}?iss=https%3A%2F%2Fissuer.example%2Fa%2Bb+c&code=c&state=s",
            OURS,
            [("iss", "https://issuer.example/a+b c"), ("code", "c"), ("state", "s")],
        ),
        # A parameter that comes twice is refused later, as in every response.
        (f"{OURS}?code=a&code=b&state=s&state=s", OURS, [("code", "a"), ("code", "b"), ("state", "s"), ("state", "s")]),
    ],
)
def test_the_whole_query_is_returned(text, redirect_uri, query):
    assert read(text, redirect_uri) == query


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("c0de", NOT_A_URL),
        ("code=c0de&state=s", NOT_A_URL),
        ("127.0.0.1:28282/callback/example?code=c0de&state=s", NOT_A_URL),
        ("http://?code=c0de&state=s", NOT_A_URL),
        ("http://[::1?code=c0de&state=s", NOT_A_URL),
        ("http://127.0.0.1:many/callback/example?code=c0de&state=s", NOT_A_URL),
        ("http://127.0.0.1:99999/callback/example?code=c0de&state=s", NOT_A_URL),
        ("file:///callback/example?code=c0de&state=s", NOT_A_URL),
        ("", NOT_A_URL),
        (THEIRS, START_URL),
        (THEIRS.replace("&state=s", "&state=other"), START_URL),
        ("https://auth.example/login?code=c0de&state=s", "another URL"),
        ("http://127.0.0.1:28283/callback/example?code=c0de&state=s", "another URL"),
        ("https://127.0.0.1:28282/callback/example?code=c0de&state=s", "another URL"),
        ("http://127.0.0.1:28282/callback/other?code=c0de&state=s", "another URL"),
        ("http://127.0.0.2:28282/callback/example?code=c0de&state=s", "another URL"),
        ("http://127.0.0.1.example:28282/callback/example?code=c0de&state=s", "another URL"),
        (OURS, NO_RESPONSE),
        (f"{OURS}?state=s", NO_RESPONSE),
        (f"{OURS}#code=c0de&state=s", NO_RESPONSE),
        (f"{OURS}?code=c0de", INCOMPLETE),
        (f"{OURS}?code=c0de&sta", INCOMPLETE),
        (f"{OURS}?error=access_denied", INCOMPLETE),
    ],
)
def test_an_invalid_paste_is_explained_without_showing_it(text, says):
    with pytest.raises(InvalidPaste) as caught:
        read(text)
    assert says in str(caught.value)
    assert "c0de" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_another_url_is_explained_with_the_expected_one():
    with pytest.raises(InvalidPaste, match=r"starts with https://you\.example/callback"):
        read(f"{OURS}?code=c0de&state=s", FOREIGN)
    with pytest.raises(InvalidPaste, match="another URL"):
        read("http://you.example/callback?code=c0de&state=s", FOREIGN)


@given(st.one_of(st.text(), st.text().map(lambda text: f"http://{text}"), st.text().map(lambda text: OURS + text)))
def test_any_paste_is_read_or_explained(text):
    try:
        names = {name for name, _ in read(text)}
    except InvalidPaste:
        return
    assert "state" in names
    assert names & {"code", "error"}
