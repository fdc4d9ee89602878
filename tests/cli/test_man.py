"""The manual pages are made from the commands, and say all of it."""

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from everyauth_cli import settings
from everyauth_cli.cli.man import PAGES, page, roff
from everyauth_cli.errors import EveryAuthError

ROOT = Path(__file__).resolve().parents[2]
FOLDER = "everyauth_cli/cli"


@pytest.mark.parametrize("name", PAGES)
def test_the_page_is_what_the_commands_say(name):
    written = (ROOT / FOLDER / name).read_text(encoding="utf-8")
    assert written == PAGES[name](), f"make it anew: python -m everyauth_cli.cli.man {name} > {FOLDER}/{name}"


@pytest.mark.parametrize("name", PAGES)
def test_the_page_does_not_depend_on_the_day(name):
    title, section = name.rsplit(".", 1)
    assert f'.TH {title.upper()} {section} ""' in PAGES[name]()


def test_every_exit_code_is_in_the_page():
    def codes(error):
        yield str(error.exit_code)
        for kind in error.__subclasses__():
            yield from codes(kind)

    status = rendered("everyauth.1").partition("EXIT STATUS")[2].partition("ENVIRONMENT")[0]
    assert {"0", *codes(EveryAuthError), "130"} == set(re.findall(r"^ +(\d+) +[A-Z]", status, re.MULTILINE))


def test_every_variable_is_in_the_page():
    read = set(re.findall(r"EVERYAUTH_(?:[A-Z]+_)*[A-Z]+", Path(settings.__file__).read_text(encoding="utf-8")))
    shown = rendered("everyauth.1")
    assert {"EVERYAUTH_HOME", "EVERYAUTH_KEY_FILE"} <= read
    assert [name for name in read if name not in shown] == []


@pytest.mark.parametrize("name", ["CLIENT_ID", "CLIENT_SECRET"])
def test_a_place_holder_is_set_off_from_what_is_typed(name):
    assert rf"\fBEVERYAUTH_\fR\fISERVICE\fR\fB_{name}\fR" in PAGES["everyauth.1"]()


@pytest.mark.parametrize(
    ("text", "source"),
    [
        (".hidden", r"\&.hidden"),
        ("it's", r"it\(aqs"),
        ("'quoted'", r"\(aqquoted\(aq"),
        (r"a\b", r"a\eb"),
        ("run `x --y`", r"run \fBx \-\-y\fR"),
        ("<SERVICE> of yours", r"\fISERVICE\fR of yours"),
        ("source <(everyauth)", "source <(everyauth)"),
    ],
)
def test_text_stays_text(text, source):
    assert roff(text) == source


def test_a_part_that_the_template_does_not_name_is_not_in_the_page():
    status = {"exit-codes": "# EXIT STATUS\n0\n: Done.  \nAll is well."}
    lines = {"options": [".TP", "x"], "commands": ["y"], "examples": [], "other": ["z"]}
    made = page("everyauth.1", headline="get a token", **status, **lines)
    assert "everyauth \\- get a token\n.SH SYNOPSIS" in made
    assert "only before it.\n.TP\nx\n.SH COMMANDS\ny\n" in made
    assert "\n.SH EXIT STATUS\n.TP\n\\fB0\\fR\nDone.\n.br\nAll is well.\n" in made
    assert "\nz\n" not in made


def test_files_that_are_shipped_exist():
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]["build"]["targets"]
    shared = wheel["wheel"]["shared-data"]
    assert {f"{FOLDER}/{name}" for name in PAGES} <= set(shared)
    assert shared[f"{FOLDER}/everyauth.1"] == "share/man/man1/everyauth.1"
    assert [path for path in [*shared, *wheel["wheel"]["force-include"]] if not (ROOT / path).exists()] == []


def rendered(name):
    """Return the page as it is shown; groff must have nothing to say about it."""
    if shutil.which("groff") is None:
        pytest.skip("groff is not installed")
    # The width keeps an example in one line.
    done = subprocess.run(
        ["groff", "-man", "-ww", "-Tutf8", "-P-cbou", "-rLL=120n"],
        input=PAGES[name](),
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    assert not done.stderr
    return done.stdout
