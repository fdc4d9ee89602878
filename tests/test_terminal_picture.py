"""The picture in the README is what the program prints; `python tests/terminal_picture.py` makes it anew."""

import re

import pytest
from terminal_picture import COLUMNS, LINES, PICTURE, picture, screen


@pytest.mark.slow
def test_the_picture_is_what_the_program_prints(tmp_path):
    assert PICTURE.read_text(encoding="utf-8") == picture(screen(tmp_path)), "python tests/terminal_picture.py"


def test_the_readme_shows_the_picture_with_each_line_in_words():
    readme = PICTURE.parents[1].joinpath("README.md").read_text(encoding="utf-8")
    words = re.search(r"!\[([^]]*)\]\(tests/terminal\.svg\)", readme)[1]
    assert [line for line in LINES if line not in words] == []


def test_a_long_line_is_broken_where_a_terminal_breaks_it():
    drawn = picture("x" * (COLUMNS + 3))
    assert f">{'x' * COLUMNS}</text>" in drawn
    assert ">xxx</text>" in drawn


def test_colours_and_what_xml_would_read():
    drawn = picture("\x1b[32m✓\x1b[0m  a < b \x1b[1mand\x1b[0m c")
    assert re.findall(r"<text( class=[^>]*?)? x=.*?>([^<]*)</text>", drawn) == [
        (' class="green"', "✓"),
        ("", "a &lt; b"),
        (' class="bold"', "and"),
        ("", "c"),
    ]
