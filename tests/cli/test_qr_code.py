"""A QR code on the terminal is read back by an independent decoder, as a camera sees it."""

from __future__ import annotations

import sys

import pytest
from peers.qr_reader import read_qr_code
from peers.terminal import terminal

from everyauth_cli.cli.qr_code import qr_code

URL = "https://github.com/login/device?user_code=WDJB-MJHT"
ON, OFF = "\x1b[38;5;16;48;5;231m", "\x1b[0m"
SHOW = """
import sys
from everyauth_cli.cli.qr_code import show_qr_code
from everyauth_cli.cli.terminal import Terminal
print(show_qr_code(Terminal(), sys.argv[1], about="Scan this:", other_lines=int(sys.argv[2])))
"""


@pytest.mark.parametrize("around", [0, 40, 255], ids=["black", "dark", "light"])
@pytest.mark.parametrize("lines", [60, 18], ids=["wide", "narrow quiet zone"])
@pytest.mark.parametrize(
    "url", [URL, "https://microsoft.com/devicelogin", "https://a.example/é?c=1", "https://a.example/" + "x" * 60]
)
def test_it_is_read_back_on_light_and_dark_terminals(url, lines, around):
    shown = qr_code(url, columns=80, lines=lines) or qr_code(url, columns=80, lines=60)
    assert read_qr_code(shown, around=around) == [url]


def test_it_is_as_wide_and_high_as_it_may_be():
    whole = qr_code(URL, columns=80, lines=60)
    width, height = len(whole[0]), len(whole)
    assert (width, height) == (37, 19)
    assert {len(line) for line in whole} == {width}
    assert qr_code(URL, columns=width, lines=height) == whole
    smaller = qr_code(URL, columns=width - 1, lines=height)
    assert smaller == qr_code(URL, columns=width, lines=height - 1)
    assert (len(smaller[0]), len(smaller)) == (width - 4, height - 2)
    assert qr_code(URL, columns=len(smaller[0]) - 1, lines=60) is None
    assert qr_code(URL, columns=80, lines=len(smaller) - 1) is None


@pytest.mark.parametrize("url", ["x" * 500, "x" * 5000])
def test_what_no_screen_holds_is_not_shown(url):
    assert qr_code(url, columns=80, lines=40) is None


def shown_at(everyauth, *, other_lines=9, columns=80, **env):
    argv = [sys.executable, "-P", "-c", SHOW, URL, str(other_lines)]
    environment = everyauth.environment({"TERM": "xterm-256color", "PYTHONIOENCODING": "utf-8", **env})
    with terminal(argv, environment, columns=columns) as shown:
        assert shown.end() == 0
    return shown.shown.splitlines()


def test_a_terminal_shows_it_in_black_on_white_whatever_its_own_colors_are(everyauth):
    first, *lines, done = shown_at(everyauth)
    assert (first, done) == ("Scan this:", "True")
    assert all(line.startswith(ON) and line.endswith(OFF) for line in lines)
    assert read_qr_code([line.removeprefix(ON).removesuffix(OFF) for line in lines], around=0) == [URL]


@pytest.mark.parametrize(
    "where",
    [
        {"NO_COLOR": "1"},
        {"TERM": "dumb"},
        {"PYTHONIOENCODING": "latin-1"},
        {"columns": 30},
        {"other_lines": 40},
    ],
)
def test_elsewhere_there_is_none(everyauth, where):
    assert shown_at(everyauth, **where) == ["False"]
