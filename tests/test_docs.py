"""README, SECURITY, CHANGELOG and CONTRIBUTING agree with the program."""

import re
import shlex
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from everyauth_cli import __version__, errors
from everyauth_cli.cli.help import SECTIONS
from everyauth_cli.cli.man import everyauth_1
from everyauth_cli.cli.topics import TOPICS
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
PARAMETERS = [param for command in COMMANDS.values() for param in command.params]
OPTIONS = {option for param in PARAMETERS for option in (*param.opts, *param.secondary_opts)}


TABLE = [line for line in README.splitlines() if line.startswith(tuple(f"| {heading} |" for heading in SECTIONS))]
TEXTS = "\n".join([README, *map(topic_text, TOPICS)])
CODE_LINES = re.findall(r"^ {4}.*", TEXTS, re.MULTILINE)
LINES = {line for code in CODE_LINES for line in re.findall(r"(?:^ +|[(/|&] ?)everyauth ([a-z][^|;&)#`]*)", code)}
"""The command lines that the README and the topics show as code, without the name of the program."""


@pytest.mark.parametrize("name", dict.fromkeys(names[0] for names in COMMANDS))
def test_every_command_and_group_is_in_the_table_of_the_readme(name):
    heading = next(heading for heading, names in SECTIONS.items() if name in names)
    assert [line for line in TABLE if line.startswith(f"| {heading} |") and re.search(rf"`{name}\b", line)]


@pytest.mark.parametrize("names", COMMANDS, ids=" ".join)
def test_every_command_is_in_the_manual_page_and_has_help_for_each_option(names):
    assert re.search(rf"^\.SS everyauth {' '.join(names)}\b".replace("-", r"\\?-"), everyauth_1(), re.MULTILINE)
    command = COMMANDS[names]
    assert command.help
    assert not [param.name for param in command.params if not getattr(param, "help", None)]


def named(words):
    return next((names for names in (tuple(words[:2]), tuple(words[:1])) if names in COMMANDS), None)


@pytest.mark.parametrize("line", sorted({line.strip() for line in LINES}))
def test_a_command_line_that_is_shown_can_be_read(line):
    words = shlex.split(line)
    names = named(words)
    COMMANDS[names].make_context(" ".join(names), words[len(names) :])


def test_every_command_and_option_that_the_text_names_exists():
    shown = re.findall(r"`everyauth ([a-z][^`]*)`", TEXTS)
    groups = {names[0] for names in COMMANDS if len(names) > 1}
    assert not [line for line in shown if named(line.split()) is None and line not in groups]
    assert not [line for line in shown if line.startswith("help ") and line.split()[1] not in {*TOPICS, "TOPIC"}]
    pip = {"--without-pip", "--python"}
    systemctl = {"--user", "--now"}
    options = set(re.findall(r"(?<![-\w])--[a-zA-Z][-a-zA-Z]*", TEXTS))
    assert options - pip - systemctl <= OPTIONS | {"--help", "--version"}


def test_the_fixed_command_lines_are_in_the_readme():
    fixed = {
        'service set pagerduty --scope "read write" --clientId ID --clientSecret SECRET',
        "login pagerduty --user user-123",
        "identity get user-123",
        "identity refresh --expiring-within 2h -q",
    }
    assert fixed <= {line.strip() for line in LINES}
    assert "\n    everyauth login pagerduty && everyauth token pagerduty\n" in README
    assert "\n    tests/run\n" in README
    assert ".venv/bin/everyauth demo\n" in README


def test_the_readme_is_one_page():
    assert len(README.splitlines()) <= 200


def test_the_exit_codes_are_those_of_the_errors():
    stated = {int(code) for code in re.findall(r"^\| (\d+) \|", README, re.MULTILINE)}
    assert stated == {kind.exit_code for kind in ERRORS} | {0, 130}


def test_every_environment_variable_is_in_the_topic():
    shown = topic_text("environment")
    read = set(re.findall(r'environ(?:\.get\(|\[)"(EVERYAUTH_\w+)"', CODE))
    assert read
    assert not [name for name in read if name not in shown]
    environment = README.partition("## Environment")[2]
    assert not [name for name in re.findall(r"\bEVERYAUTH_\w+|\b[A-Z]+_[A-Z_]+", environment) if name not in shown]


def test_the_tests_that_security_names_as_evidence_exist():
    security = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    named = re.findall(r"`(tests/[^`]+)`", security)
    assert named
    assert not [path for path in named if not (ROOT / path).exists()]


def test_the_files_that_contributing_names_exist():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:everyauth_cli|tests)/[^`\s]*)`", text))
    made = re.compile("acme|identity_count|json_file")  # by whoever follows a recipe
    assert len([path for path in named if made.search(path)]) >= 5
    assert not [path for path in named if not (ROOT / path).exists() and not made.search(path)]


def test_the_changelog_has_a_section_for_this_version():
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert "## [Unreleased]" in changelog or f"## [{__version__}]" in changelog


def test_the_web_app_in_the_readme_has_the_stated_redirect_uri_and_page():
    blocks = re.findall(r"^((?:    .*\n)+)", README.partition("For a web app")[2].partition("\n## ")[0], re.MULTILINE)
    made: dict[str, Any] = {}
    for lines in blocks:
        exec(textwrap.dedent(lines), made)
    login = ["/connect/pagerduty", "/connect/pagerduty/callback"]
    page = ["/connections", "/connections/connect", "/connections/disconnect"]
    logins = [f"/connections/{name}{end}" for name in ("github", "slack") for end in ("", "/callback")]
    assert [route.path for route in made["routes"]] == login + page + logins
    assert "`https://app.example/connect/pagerduty/callback`" in README
    assert "`https://app.example/connections/SERVICE/callback`" in README
