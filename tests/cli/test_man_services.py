"""The manual page of the service files explains every key, and its examples are valid."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from cli.test_man import FOLDER, ROOT, rendered

from everyauth_cli.cli.man import PAGES
from everyauth_cli.services.entry import make_service
from everyauth_cli.services.fields import default_of, value_of
from everyauth_cli.services.keys import KEYS

PAGE = "everyauth-services.5"
BARE = {"authorization_endpoint": "https://x.example/a", "token_endpoint": "https://x.example/t"}


def in_page() -> dict[str, str]:
    """The text below each key, in one line."""
    text = rendered(PAGE).partition("\nKEYS\n")[2].partition("\nFILES\n")[0]
    found = re.findall(r"^ {7}([a-z_]+)(?: +|\n)((?:.*\n)+?)(?:\n|\Z)", text, re.MULTILINE)
    return {key: " ".join(about.split()) for key, about in found}


def test_every_key_is_in_the_page_with_its_help_type_default_and_example():
    page = in_page()
    assert list(page) == list(KEYS)
    for key, about in KEYS.items():
        default, type_ = default_of(key), about.reader.type
        expected = f"{about.help.replace('`', '')} Type: {type_}."
        expected += f" Default: {default}." if default is not None else ""
        expected += f" Example: {key} = {about.example}" if about.example else ""
        assert page[key] == " ".join(expected.split())


def test_what_the_table_says_is_in_the_source_of_the_page():
    written = (ROOT / FOLDER / PAGE).read_text(encoding="utf-8")
    assert re.findall(r"^\.TP\n\\fB([a-z_]+)\\fR$", written, re.MULTILINE) == list(KEYS)


@pytest.mark.parametrize("key", [key for key, about in KEYS.items() if about.example])
def test_an_example_is_valid(key):
    entry = tomllib.loads(f"{key} = {KEYS[key].example}")
    assert KEYS[key].reader.read(entry[key])


@pytest.mark.parametrize("key", [key for key in KEYS if default_of(key) is not None])
def test_a_default_is_what_leaving_the_key_out_means(key):
    given = tomllib.loads(f"{key} = {default_of(key)}")
    with_it, without = ({**BARE, **more} for more in (given, {}))
    services = [make_service("x", entry, where=str, own=True) for entry in (with_it, without)]
    assert value_of(services[0], key) == value_of(services[1], key)


def test_the_files_in_the_page_are_valid():
    template = (ROOT / FOLDER / "topics" / "service-files.in").read_text(encoding="utf-8")
    examples = template.partition("# EXAMPLE")[2].partition("# PLACEHOLDERS")[0]
    whole, changed, preset = re.findall(r"((?:^    .*\n|^\n(?=    ))+)", examples, re.MULTILINE)
    service = make_service("acme", tomllib.loads(whole), where=str, own=True)
    assert [param.name for param in service.params] == ["subdomain"]
    assert "{subdomain}" in PAGES[PAGE]()
    assert make_service("x", {**BARE, **tomllib.loads(changed)}, where=str, own=False).scopes == ("read:user",)
    assert make_service("x", {**BARE, **tomllib.loads(preset)}, where=str, own=False).presets.keys() == {"github-gists"}


def test_the_page_is_shipped_where_man_looks():
    project = tomllib.loads(Path(ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    shared = project["tool"]["hatch"]["build"]["targets"]["wheel"]["shared-data"]
    assert shared[f"{FOLDER}/{PAGE}"] == f"share/man/man5/{PAGE}"
