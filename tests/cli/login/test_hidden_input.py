"""Lines that are typed without echo."""

import pytest

from everyauth_cli.cli.login.hidden_input import MAX_LINE_BYTES, Line


@pytest.mark.parametrize(
    ("typed", "lines"),
    [
        (b"one\n", ["one"]),
        (b"one\rtwo\nthr", ["one", "two"]),
        (b"\r\n", ["", ""]),
        (b"onf\x7fe\n", ["one"]),
        (b"onf\x08e\n", ["one"]),
        (b"\x7f\x7fone\n", ["one"]),
        (b"wrong\x15one\n", ["one"]),
        (b"\x1b[200~one\x1b[201~\n", ["one"]),
        ("zoë\n".encode(), ["zoë"]),
        (b"\xff\n", ["\ufffd"]),
        (b"x" * MAX_LINE_BYTES + b"\n", ["x" * MAX_LINE_BYTES]),
        (b"x" * (MAX_LINE_BYTES + 1) + b"\none\n", [None, "one"]),
        (b"x" * (MAX_LINE_BYTES * 3) + b"\x15one\n", ["one"]),
    ],
)
@pytest.mark.parametrize("at_once", [1, 7, 4096])
def test_keys_make_lines(typed, lines, at_once):
    line = Line()
    pieces = [typed[at : at + at_once] for at in range(0, len(typed), at_once)]
    assert [entered for piece in pieces for entered in line.feed(piece)] == lines
