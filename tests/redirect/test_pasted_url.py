"""A pasted text: the answer of a login, or why it is none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everyauth_cli.redirect.pasted_url import BEGINNING, CUT, NO_ADDRESS, NO_ANSWER, NotTheAnswer, read_redirect_url

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
        # What comes twice is refused where every answer is.
        (f"{OURS}?code=a&code=b&state=s&state=s", OURS, [("code", "a"), ("code", "b"), ("state", "s"), ("state", "s")]),
    ],
)
def test_all_of_the_query_is_handed_on(text, redirect_uri, query):
    assert read(text, redirect_uri) == query


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("c0de", NO_ADDRESS),
        ("code=c0de&state=s", NO_ADDRESS),
        ("127.0.0.1:28282/callback/example?code=c0de&state=s", NO_ADDRESS),
        ("http://?code=c0de&state=s", NO_ADDRESS),
        ("http://[::1?code=c0de&state=s", NO_ADDRESS),
        ("http://127.0.0.1:many/callback/example?code=c0de&state=s", NO_ADDRESS),
        ("http://127.0.0.1:99999/callback/example?code=c0de&state=s", NO_ADDRESS),
        ("file:///callback/example?code=c0de&state=s", NO_ADDRESS),
        ("", NO_ADDRESS),
        (THEIRS, BEGINNING),
        (THEIRS.replace("&state=s", "&state=other"), BEGINNING),
        ("https://auth.example/login?code=c0de&state=s", "another address"),
        ("http://127.0.0.1:28283/callback/example?code=c0de&state=s", "another address"),
        ("https://127.0.0.1:28282/callback/example?code=c0de&state=s", "another address"),
        ("http://127.0.0.1:28282/callback/other?code=c0de&state=s", "another address"),
        ("http://127.0.0.2:28282/callback/example?code=c0de&state=s", "another address"),
        ("http://127.0.0.1.example:28282/callback/example?code=c0de&state=s", "another address"),
        (OURS, NO_ANSWER),
        (f"{OURS}?state=s", NO_ANSWER),
        (f"{OURS}#code=c0de&state=s", NO_ANSWER),
        (f"{OURS}?code=c0de", CUT),
        (f"{OURS}?code=c0de&sta", CUT),
        (f"{OURS}?error=access_denied", CUT),
    ],
)
def test_anything_else_is_explained_without_showing_it(text, says):
    with pytest.raises(NotTheAnswer) as caught:
        read(text)
    assert says in str(caught.value)
    assert "c0de" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_another_address_is_told_which_one_was_meant():
    with pytest.raises(NotTheAnswer, match=r"begins with https://you\.example/callback"):
        read(f"{OURS}?code=c0de&state=s", FOREIGN)
    with pytest.raises(NotTheAnswer, match="another address"):
        read("http://you.example/callback?code=c0de&state=s", FOREIGN)


@given(st.one_of(st.text(), st.text().map(lambda text: f"http://{text}"), st.text().map(lambda text: OURS + text)))
def test_whatever_is_pasted_is_read_or_explained(text):
    try:
        names = {name for name, _ in read(text)}
    except NotTheAnswer:
        return
    assert "state" in names
    assert names & {"code", "error"}
