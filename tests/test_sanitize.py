"""Text from outside is looked at up to a bound, whatever its shape, and no cut uncovers a secret."""

import json
import time

import pytest

from everyauth_cli.cli.completion import quoted, split
from everyauth_cli.errors import ConfigurationProblem
from everyauth_cli.model import Secret, Service
from everyauth_cli.oauth.userinfo import filled
from everyauth_cli.sanitize import CUT, LONGEST, json_text, printable, redact, visible, without_secrets
from everyauth_cli.services.parameters import check_param
from everyauth_cli.services.rules import Parameter
from everyauth_cli.urls import check_url

MILLION = 1_000_000
SHAPES = [
    "a-", "a", "1", "-", "~", "a1-", "%", "a ", " ", "\n", "\x00", "é", "\u202e", "\ud800", CUT, '"a":', "=a",
    "http://", "https://a", "https://a?", "http://a?b#", "https://a/b?c=d&", "A" * 31 + "-", "a" * 19 + " ",
]  # fmt: skip
PASSWORD = "correct horse/battery"  # which looks like no token
SECRET = Secret(PASSWORD)


@pytest.mark.parametrize("shape", SHAPES)
def test_of_a_long_text_only_the_beginning_is_looked_at(shape):
    short, long = (shape * (size // len(shape)) for size in (2 * LONGEST, MILLION))
    # Twice the bound and a hundred times the bound give the same text: nothing behind the bound is read.
    assert redact(long) == redact(short)
    assert len(redact(long)) <= LONGEST + len(CUT)
    assert len(printable(long)) <= 300


@pytest.mark.parametrize("before", [0, 1, 10, LONGEST - 30, *range(LONGEST - len(PASSWORD) - 2, LONGEST + 3), MILLION])
@pytest.mark.parametrize("filler", ["x ", "a-", "."])
def test_a_secret_is_hidden_at_any_position(before, filler):
    text = (filler * before)[:before] + PASSWORD + " was sent"
    hidden = redact(text, SECRET)
    assert not any(PASSWORD[:length] in hidden for length in range(6, len(PASSWORD) + 1))
    assert PASSWORD[6:] not in hidden


@pytest.mark.parametrize("token", ["0d3f8a1c-22e1-4f6e-9d0b-8a1c22e14f6e", "A1" * 30, "a" * 64])
@pytest.mark.parametrize("shown", [1, 10, 19, 25])
def test_no_part_of_a_token_is_left_before_the_cut(token, shown):
    hidden = redact("." * (LONGEST - shown) + token + " was sent")
    assert hidden == "." * (LONGEST - shown) + CUT


@pytest.mark.parametrize("length", range(6, len(PASSWORD)))
def test_the_rest_of_a_secret_before_an_earlier_cut_is_hidden(length):
    text = f"refused ({PASSWORD[:length]}{CUT})"
    assert without_secrets(text, SECRET) == redact(text, SECRET) == f"refused (***{CUT})"


def test_a_word_that_begins_as_a_secret_does_stays():
    assert without_secrets(f"correct{CUT} correct", Secret("hunter2")) == f"correct{CUT} correct"
    assert without_secrets("correct horse", SECRET, None, Secret("horse")) == "correct horse"


@pytest.mark.parametrize(
    ("text", "scrubbed"),
    [
        ("see https://a.example/b?c=d#e, or", "see https://a.example/b or"),
        ("(https://a.example#b)", "(https://a.example)"),
        ("http://a.example/http://b.example?c", "http://a.example/http://b.example"),
        ("https://", "https://"),
        ("client-with-a-name-of-many-words", "client-with-a-name-of-many-words"),
        (f"x-{'a' * 32}", "x-***"),
        ("a" * 31, "a" * 31),
    ],
)
def test_queries_and_tokens_go_and_words_stay(text, scrubbed):
    assert redact(text) == scrubbed


@pytest.mark.parametrize("shape", ["a", "a.", "a-", "-", "{a", "{a.", "{", "1", "%", "_", "é"])
def test_a_long_address_is_refused(shape):
    with pytest.raises(ValueError, match=r"it is not a URL|it has braces|its host is not ASCII"):
        check_url("https://" + shape * (MILLION // len(shape)) + "!")


def test_the_number_of_placeholders_in_a_host_does_not_multiply():
    names = [f"p{number}" for number in range(30)]
    host = ".".join(f"{{{name}}}" for name in names * 2)
    service = Service(
        name="x",
        title="X",
        authorization_endpoint="https://x.example/",
        token_endpoint=f"https://{host}.example/",
        params=tuple(Parameter(name=name, help="a part") for name in names),
    )
    for value in ("a." * (MILLION // 2) + "!", "a" * MILLION + "!", "a." * 60 + "!"):
        with pytest.raises(ConfigurationProblem, match="cannot be part of a host name"):
            check_param(service, "p0", value)


@pytest.mark.parametrize("shape", ["{a", "{a.", "{", "{a}", "{a.b}"])
def test_a_long_template_finds_its_places(shape):
    times = MILLION // len(shape)
    assert filled(shape * times, {"a": "b"}) == (
        "b" * times if shape == "{a}" else None if "}" in shape else shape * times
    )


@pytest.mark.parametrize(("shape", "word"), [("\\a", "a"), ('"a"', "a"), ("'a'\\b", "ab")])
def test_a_long_command_line_is_read_once(shape, word):
    times = MILLION // len(shape)
    assert split("login " + shape * times) == (["login", word * times], "")
    assert len(quoted(shape * times, "")) <= 2 * MILLION


def test_a_long_secret_and_many_cuts_take_little_time():
    text = f"{PASSWORD[:8]}{CUT}" * 1000
    started = time.process_time()
    assert without_secrets(text, Secret("correct " + "x" * MILLION)) == f"***{CUT}" * 1000
    assert without_secrets("x" * MILLION + CUT, Secret("x" * MILLION)).endswith(f"***{CUT}")
    assert time.process_time() - started < 2


INVISIBLE = (
    "\x00\x1b\x7f\x80\x9b\u061c\u200b\u200e\u200f\u2028\u2029\u202a\u202e\u2060\u2064\u2066\u2069\ufeff\u3164\ufe0f"
    "\ud800\ue000\u0378\U000e0041\U000e0100"
)


@pytest.mark.parametrize("character", INVISIBLE)
def test_what_a_terminal_does_not_show_is_replaced(character):
    text = f"a{character}b"
    assert printable(text) == "a b"
    code = ord(character)
    assert visible(text) == (f"a\\u{code:04x}b" if code < 0x10000 else f"a\\U{code:08x}b")
    shown = json_text({"k": [text]})
    assert character not in shown
    assert json.loads(shown) == {"k": [text]}


def test_text_of_every_script_stays():
    text = "Zoë Łukasz 日本語 नमस्ते שלום مرحبا 🎉 a\u00a0b\u3000c"
    assert visible(text) == printable(text) == text
    assert json_text(text) == f'"{text}"'
    assert json_text(text, ascii_only=True) == json.dumps(text)
