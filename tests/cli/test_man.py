import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from everyauth_cli import settings
from everyauth_cli.cli.man import EXIT_STATUS, man_page, roff
from everyauth_cli.errors import EveryAuthError

ROOT = Path(__file__).resolve().parents[2]
PAGE = "everyauth_cli/everyauth.1"


def test_the_page_is_what_the_commands_say():
    written = (ROOT / PAGE).read_text(encoding="utf-8")
    assert written == man_page(), f"make it anew: python -m everyauth_cli.cli.man > {PAGE}"


def test_the_page_does_not_depend_on_the_day():
    assert '.TH EVERYAUTH 1 ""' in man_page()


def test_every_exit_code_is_told():
    def codes(error):
        yield str(error.exit_code)
        for kind in error.__subclasses__():
            yield from codes(kind)

    assert {"0", *codes(EveryAuthError), "130"} == set(EXIT_STATUS)


def test_every_variable_is_told():
    read = set(re.findall(r"EVERYAUTH_(?:[A-Z]+_)*[A-Z]+", Path(settings.__file__).read_text(encoding="utf-8")))
    told = rendered()
    assert {"EVERYAUTH_HOME", "EVERYAUTH_KEY_FILE"} <= read
    assert [name for name in read if name not in told] == []


@pytest.mark.parametrize("name", ["CLIENT_ID", "CLIENT_SECRET"])
def test_a_place_holder_is_set_off_from_what_is_typed(name):
    assert rf"\fBEVERYAUTH_\fR\fISERVICE\fR\fB_{name}\fR" in man_page()


@pytest.mark.parametrize(
    "command",
    [
        'everyauth service set pagerduty --scope "read write" --clientId ID --clientSecret -',
        "everyauth login pagerduty --user user-123",
        "everyauth identity get user-123",
        "everyauth login pagerduty && everyauth token pagerduty",
    ],
)
def test_an_example_can_be_copied_from_what_is_shown(command):
    assert command in rendered()


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


def test_what_is_shipped_is_there():
    build = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]["build"]
    shipped = build["targets"]["wheel"]["shared-data"]
    assert shipped[PAGE] == "share/man/man1/everyauth.1"
    assert [path for path in shipped if not (ROOT / path).is_file()] == []


def rendered():
    """The page as it is shown; groff must have nothing to say about it."""
    if shutil.which("groff") is None:
        pytest.skip("groff is not installed")
    # The width keeps an example in one line.
    done = subprocess.run(
        ["groff", "-man", "-ww", "-Tutf8", "-P-cbou", "-rLL=120n"],
        input=man_page(),
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    assert not done.stderr
    return done.stdout
