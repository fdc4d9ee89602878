"""`everyauth help`: of a command, and of a topic, whose text is in the manual page too."""

from __future__ import annotations

import json

import pytest

from everyauth_cli.cli.man import PAGES
from everyauth_cli.cli.style import Style, plain
from everyauth_cli.cli.topics import TOPICS
from everyauth_cli.cli.topics.page import topic_page
from everyauth_cli.cli.topics.text import EXAMPLE, blocks, topic_text


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
    code = [block for block in blocks(topic_text(topic)) if block.startswith(EXAMPLE)]
    assert [block for block in code if f"\n\n{block}" not in shown] == []
    kept = {line for block in code for line in block.splitlines()}
    long = [line for line in shown.splitlines() if len(line) > columns and line not in kept]
    assert [line for line in long if " " in line.strip()] == []


def test_what_is_in_backquotes_is_styled_also_across_lines():
    def marked(style, text):
        return f"[{text}]" if style is Style.command else text

    shown = topic_page("scripts", columns=40, paint=marked)
    assert shown.startswith("SCRIPTS AND TIMERS\n\n[everyauth token] and [everyauth]\n[identity get] print")


@pytest.mark.parametrize("topic", [topic for topic in TOPICS if topic not in {"sdk", "service-files"}])
def test_code_fits_a_terminal_of_80_columns(topic):
    assert [line for line in topic_text(topic).splitlines() if line.startswith(EXAMPLE) and len(line) > 80] == []


def test_a_term_stands_beside_its_explanation():
    shown = topic_page("exit-codes", columns=80, paint=plain)
    assert "\n\n  0    Done.\n  1    An internal error" in shown


def test_the_topic_of_service_files_has_each_key_with_its_type_on_a_line_of_its_own():
    lines = [line.strip() for line in topic_page("service-files", columns=100, paint=plain).splitlines()]
    assert lines.count("Type: https URL, may have placeholders.") > 5
    assert any(line.startswith("token_endpoint ") for line in lines)


@pytest.mark.parametrize("topic", TOPICS)
def test_a_topic_is_in_a_manual_page_and_in_the_help(everyauth, topic):
    heading = topic_text(topic).splitlines()[0].removeprefix("# ")
    assert any(f".SH {heading}\n" in page() for page in PAGES.values())
    assert f"\n  everyauth help {topic} " in everyauth("--help").out


def test_topics_are_completed(everyauth):
    offered = everyauth("__complete", "bash", "everyauth help e", "e").out.splitlines()
    assert {"exit-codes", "environment"} <= {*offered}
