"""The values of the domain: a secret never shows, a credential has the original's shape, text is sanitized."""

import copy
import json
import logging
import string
import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everyauth_cli.errors import ConfigurationProblem
from everyauth_cli.model import Request, Secret
from everyauth_cli.oauth.authorization_code import PendingLogin
from everyauth_cli.oauth.login_request import LoginRequest
from everyauth_cli.sanitize import printable

HIDDEN = "hunter2-hunter2"

SHOWN = [
    repr,
    str,
    lambda secret: f"{secret}",
    lambda secret: f"{secret!r}",
    lambda secret: f"{secret!s:>30}",
    "{}".format,
    lambda secret: "%s %r" % (secret, secret),  # noqa: UP031
    lambda secret: string.Template("$secret").substitute(secret=secret),
    lambda secret: repr([secret, {"token": secret}]),
    lambda secret: logging.LogRecord("log", 10, "path", 1, "got %s", (secret,), None).getMessage(),
]


@pytest.mark.parametrize("shown", SHOWN)
@pytest.mark.parametrize("value", [HIDDEN, HIDDEN.encode(), {"token": HIDDEN}, [HIDDEN]])
def test_a_secret_does_not_show(shown, value):
    text = shown(Secret(value))
    assert "Secret(***)" in text
    assert HIDDEN not in text


def test_a_secret_is_no_json():
    with pytest.raises(TypeError) as caught:
        json.dumps({"token": Secret(HIDDEN)})
    assert HIDDEN not in str(caught.value)


def test_a_secret_does_not_show_in_a_traceback_with_its_variables():
    def fail(secret):
        assert not secret

    try:
        fail(Secret(HIDDEN))
    except AssertionError as error:
        text = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    assert "secret = Secret(***)" in text
    assert HIDDEN not in text


def test_a_secret_has_no_dict_to_look_into():
    assert not hasattr(Secret(HIDDEN), "__dict__")


@pytest.mark.parametrize("value", ["", "text", b"bytes", {"a": 1}, None])
def test_reveal_gives_what_was_hidden(value):
    assert Secret(value).reveal() is value
    assert copy.deepcopy(Secret(value)) == Secret(value)
    assert bool(Secret(value)) == bool(value)


def test_secrets_compare_by_what_they_hide():
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert Secret("grün") == Secret("grün")
    assert Secret("\ud800") == Secret("\ud800")
    assert Secret("1") != Secret(1)
    assert Secret("a") != "a"
    assert Secret(b"a") != Secret("a")


def test_a_secret_is_no_key():
    with pytest.raises(TypeError):
        hash(Secret("a"))


def test_a_pending_login_and_a_request_do_not_show_their_secrets():
    login = LoginRequest(
        service="x",
        user="me",
        tenant="me",
        tags={},
        scope="a",
        client_id="id",
        token_endpoint="https://x.example/token",
        started_at=0,
    )
    pending = PendingLogin(
        request=login,
        redirect_uri="http://127.0.0.1:1/callback/x",
        state=Secret(HIDDEN),
        verifier=Secret(HIDDEN),
        nonce=Secret(HIDDEN),
    )
    request = Request(
        url="https://x.example/",
        fields={"code": Secret(HIDDEN)},
        basic=("id", Secret(HIDDEN)),
        bearer=Secret(HIDDEN),
    )
    assert HIDDEN not in repr(pending) + repr(request)


@pytest.mark.parametrize("url", ["https://x.example/{client_id}", "https://{Host}/t", "https://x.example/}"])
def test_no_request_is_made_for_a_url_with_a_placeholder_left(url):
    with pytest.raises(ConfigurationProblem, match="has a placeholder that nothing fills; nothing was sent"):
        Request(url=url, bearer=Secret(HIDDEN))
    # What follows the URL is no template.
    assert Request(url="https://x.example/", rest=Secret("{a}")).rest.reveal() == "{a}"


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("plain", "plain"),
        ("grüße 日本 \U0001f511", "grüße 日本 \U0001f511"),
        ("two\r\nlines", "two lines"),
        ("\x1b[31mred\x1b[0m", "[31mred [0m"),
        ("\x00\x07bell\x7f", "bell"),
        ("c1\x9b31m", "c1 31m"),
        ("user\u202egnp.exe", "user gnp.exe"),
        ("zero\u200bwidth\ufeff", "zero width"),
        ("line\u2028separator\u2029", "line separator"),
        ("\u2066isolate\u2069", "isolate"),
        ("", ""),
        ("\n", ""),
    ],
)
def test_text_from_outside_is_one_line_without_control_characters(text, cleaned):
    assert printable(text) == cleaned


@given(st.text(), st.integers(1, 50))
def test_sanitized_text_is_short_and_printable(text, limit):
    cleaned = printable(text, limit)
    assert len(cleaned) <= limit
    assert printable(cleaned, limit) == cleaned
    assert not any(ord(character) < 32 or 127 <= ord(character) < 160 for character in cleaned)


def test_long_text_is_cut_visibly():
    assert printable("x" * 300) == "x" * 300
    assert printable("x" * 301) == "x" * 299 + "…"
