"""README, SECURITY, CHANGELOG and CONTRIBUTING agree with the program."""

import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from everyauth_cli import __version__, errors
from everyauth_cli.cli.topics.text import topic_text
from everyauth_cli.cli.tree import tree

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
CODE = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "everyauth_cli").rglob("*.py"))


def commands(group: Any, *names: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, command in group.commands.items():
        if command.hidden:
            continue
        if hasattr(command, "commands"):
            yield from commands(command, *names, name)
        else:
            yield (*names, name), command


COMMANDS = dict(commands(typer.main.get_command(tree())))
ERRORS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.EveryAuthError)]
OPTIONS = {option for command in COMMANDS.values() for param in command.params for option in param.opts}


@pytest.mark.parametrize("names", COMMANDS, ids=" ".join)
def test_every_command_is_in_the_readme_and_has_help_for_each_option(names):
    group, last = f"everyauth {' '.join(names[:-1])}".strip(), names[-1]
    assert re.search(rf"`{group}\b[^|]*\b{last}\b", README), f"{' '.join(names)} is not in the README's table"
    command = COMMANDS[names]
    assert command.help
    assert not [param.name for param in command.params if not getattr(param, "help", None)]


def test_every_command_and_option_in_the_readme_exists():
    shown = re.findall(r"^ +everyauth ([a-z]+)(?: ([a-z]+))?", README, re.MULTILINE)
    assert shown
    groups = {names[0] for names in COMMANDS if len(names) > 1}
    assert not [words for words in shown if (words if words[0] in groups else words[:1]) not in COMMANDS]
    pip = {"--without-pip", "--python"}
    assert set(re.findall(r"(?<![-\w])--[a-zA-Z][-a-zA-Z]*", README)) - pip <= OPTIONS | {"--help", "--version"}


def test_the_exit_codes_are_those_of_the_errors():
    stated = {int(code) for code in re.findall(r"^\| (\d+) \|", README, re.MULTILINE)}
    assert stated == {kind.exit_code for kind in ERRORS} | {0, 130}


def test_every_environment_variable_is_in_the_topic():
    read = set(re.findall(r'environ(?:\.get\(|\[)"(EVERYAUTH_\w+)"', CODE))
    assert read
    assert not [name for name in read if name not in topic_text("environment")]


def test_the_tests_that_security_names_as_evidence_exist():
    security = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    named = re.findall(r"`(tests/[^`]+)`", security)
    assert named
    assert not [path for path in named if not (ROOT / path).exists()]


def test_the_files_that_contributing_names_exist():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:everyauth_cli|tests)/[^`\s]*)`", text))
    made = re.compile("acme|identity_count|json_file|client_credentials")  # by whoever follows a recipe
    assert len([path for path in named if made.search(path)]) > 5
    assert not [path for path in named if not (ROOT / path).exists() and not made.search(path)]


def test_the_changelog_has_a_section_for_this_version():
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert "## [Unreleased]" in changelog or f"## [{__version__}]" in changelog


def test_the_web_app_in_the_readme_has_the_stated_redirect_uri_and_page():
    blocks = re.findall(r"^((?:    .*\n)+)", README.partition("## In a web app")[2].partition("\n## ")[0], re.MULTILINE)
    made: dict[str, Any] = {}
    for lines in blocks:
        exec(textwrap.dedent(lines), made)
    login = ["/connect/pagerduty", "/connect/pagerduty/callback"]
    page = ["/connections", "/connections/connect", "/connections/disconnect"]
    assert [route.path for route in made["routes"]] == login + page
    assert "`https://app.example/connect/pagerduty/callback`" in README
