"""The palette: on a terminal, and nowhere else."""

from __future__ import annotations

import pytest
from peers.terminal import terminal

HEADING = "\x1b[1mUSAGE\x1b[0m"


@pytest.mark.parametrize(
    ("env", "styled"),
    [
        ({"TERM": "xterm-256color"}, True),
        ({"TERM": "xterm-256color", "NO_COLOR": "1"}, False),
        ({"TERM": "dumb"}, False),
    ],
)
def test_a_terminal_gets_styles_unless_it_is_asked_for_none(everyauth, env, styled):
    with terminal(["everyauth", "login", "--help"], everyauth.environment(env)) as shown:
        assert shown.end() == 0
    assert (HEADING in shown.shown) is styled
    assert ("\x1b" in shown.shown) is styled
    assert "\n  --user USER" in shown.shown.replace("\x1b[1;36m", "").replace("\x1b[0m", "")


def test_a_pipe_gets_plain_text(everyauth):
    assert "\x1b" not in everyauth("login", "--help", env={"TERM": "xterm-256color"}).out
