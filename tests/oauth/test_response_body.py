"""Bodies of token responses as services send them: the body decides, whatever its label says."""

from __future__ import annotations

import json
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everyauth_cli.oauth.response_body import read_object

FIELDS = {"access_token": "at1", "refresh_token": "rt1", "expires_in": "3600", "scope": "read write"}
JSON = json.dumps(FIELDS).encode()
FORM = urlencode(FIELDS).encode()

DRESSED = {
    "plain": (JSON, "application/json"),
    "byte-order mark": (b"\xef\xbb\xbf" + JSON, "application/json"),
    "blanks around": (b"\r\n\r\n  " + JSON + b"\n\n", "application/json"),
    "no label": (JSON, ""),
    "labelled as a page": (JSON, "text/html; charset=utf-8"),
    "labelled as a form": (JSON, "application/x-www-form-urlencoded"),
    "UTF-16 with a mark": (json.dumps(FIELDS).encode("utf-16"), "application/json; charset=utf-16"),
    "UTF-16 without a mark": (json.dumps(FIELDS).encode("utf-16-le"), "application/json"),
    "UTF-16 big-endian": (json.dumps(FIELDS).encode("utf-16-be"), "application/json"),
    "in an array": (b"[" + JSON + b"]", "application/json"),
    "as a JSON string": (json.dumps(json.dumps(FIELDS)).encode(), "application/json"),
    "something after it": (JSON + b"\n<!-- cached -->", "application/json"),
    "a warning before it": (b"<br />\n<b>Notice</b>: x\n" + JSON, "application/json"),
    "a null byte at the end": (JSON + b"\0", "application/json"),
    "form": (FORM, "application/x-www-form-urlencoded"),
    "form labelled as text": (FORM, "text/plain; charset=utf-8"),
    "form labelled as a page": (FORM, "text/html"),
    "form labelled as JSON": (FORM + b"\n", "application/json"),
}


@pytest.mark.parametrize("name", DRESSED)
def test_the_body_decides_and_not_its_label(name):
    assert read_object(*DRESSED[name]) == FIELDS


def test_letters_of_an_older_encoding_are_read_by_the_label():
    body = json.dumps({"name": "Zoë"}, ensure_ascii=False).encode("latin-1")
    assert read_object(body, "application/json; charset=ISO-8859-1") == {"name": "Zoë"}
    assert read_object(body, "application/json; charset=none-such") == {"name": "Zo�"}
    assert read_object(body, "application/json; charset=rot13") == {"name": "Zo�"}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"   ",
        b"<html><body>Login</body></html>",
        b'<html><script>var x = {"user": {"id": 1}}</script></html>',
        b"invalid_grant",
        b"Service unavailable, try again later",
        b"[]",
        b"[1, 2]",
        b'"text"',
        b"12",
        b"null",
        b'{"access_token": "a',
        b"a=1&b",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"a":' * 100_000,
    ],
)
def test_what_holds_no_fields_is_none(body):
    assert read_object(body, "application/json") is None


def test_a_number_without_end_costs_no_other_field():
    assert read_object(b'{"access_token": "a", "expires_in": ' + b"9" * 5000 + b"}") == {
        "access_token": "a",
        "expires_in": None,
    }
    assert read_object(b'{"access_token": "a", "expires_in": NaN}') == {"access_token": "a", "expires_in": None}


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@pytest.mark.slow
@given(st.dictionaries(st.text(), VALUES), st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"]))
def test_every_object_comes_back_from_every_encoding(fields, encoding):
    for text in (json.dumps(fields), json.dumps([fields])):
        assert read_object(text.encode(encoding), "text/plain") == fields


@given(st.dictionaries(st.from_regex(r"[a-z_]{1,20}", fullmatch=True), st.text(), min_size=1))
def test_every_form_comes_back(fields):
    assert read_object(urlencode(fields).encode(), "text/html") == fields


@given(st.binary())
def test_no_body_is_an_error(body):
    found = read_object(body)
    assert found is None or isinstance(found, dict)
