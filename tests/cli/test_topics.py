"""`everyauth help`: of a command, and of a topic, whose text is in the manual page too."""

from __future__ import annotations

import json

import pytest

from everyauth_cli.cli.style import plain
from everyauth_cli.cli.topics import TOPICS, topic_page, topic_text


@pytest.mark.slow
@pytest.mark.parametrize(
    ("line", "same"),
    [
        ("help", "--help"),
        ("help login", "login --help"),
        ("help service set", "service set --help"),
        ("-p work help identity", "-p work identity --help"),
    ],
)
def test_help_of_a_command_is_its_help(everyauth, line, same):
    shown, expected = everyauth(*line.split()), everyauth(*same.split())
    assert (shown.code, shown.out, shown.err) == (0, expected.out, "")


def test_a_topic_is_shown(everyauth):
    done = everyauth("help", "sdk")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("WITH YOUR SDK\n\nAn SDK that is given")
    assert '\n    client = httpx.Client(auth=auth.httpx_auth("linear", "ann"))\n' in done.out
    assert "`" not in done.out


def test_a_topic_as_json(everyauth):
    done = everyauth("help", "sdk", "-o", "json")
    assert json.loads(done.out) == {"topic": "sdk", "text": topic_text("sdk")}


def test_an_unknown_word_is_an_error_with_near_names(everyauth):
    done = everyauth("help", "logon")
    assert (done.code, done.out) == (2, "")
    assert "Did you mean 'login'" in done.err


def test_a_word_too_many_is_an_error(everyauth):
    done = everyauth("help", "sdk", "more")
    assert (done.code, done.out, done.err.splitlines()[0]) == (2, "", 'error: "sdk more" is no command or topic')


@pytest.mark.parametrize("columns", [40, 80, 100])
@pytest.mark.parametrize("topic", TOPICS)
def test_text_fits_and_code_is_kept(topic, columns):
    shown = topic_page(topic, columns=columns, paint=plain)
    code = [line for line in topic_text(topic).splitlines() if line.startswith("    ")]
    assert [line for line in shown.splitlines() if line.startswith("    ")] == code
    assert [line for line in shown.splitlines() if len(line) > columns and line not in code] == []
