"""The help of every command and group: short summaries, plain names, and examples that can be run."""

from __future__ import annotations

import re
import shlex

import pytest
from peers.hints import ROOT, parsed

from everyauth_cli.cli.help import SECTIONS, CommandHelp, ParameterHelp, help_page, help_text
from everyauth_cli.cli.man import PAGES, roff
from everyauth_cli.cli.tree import COMMANDS
from everyauth_cli.cli.typer_internals import command_tree, parser_error

ALL = {command.path: command for command in command_tree(ROOT, "everyauth")}
SUMMARY = 50
# Words that Typer, or click in it, puts into a help by itself.
INNARDS = re.compile(r"<\w|\[\[|\]\]|list\[|\[default|\(\(|\[required|INTEGER|BOOLEAN|RANGE|\bNone\b|Annotated")

every = pytest.mark.parametrize("path", ALL)


def test_every_command_and_group_is_described():
    below = [f"everyauth {name} {one}" for name, ones in COMMANDS.items() for one in ones]
    assert set(ALL) == {"everyauth", *(f"everyauth {name}" for name in COMMANDS), *below}


@every
def test_a_summary_is_short_and_in_one_line_of_the_help_above(path):
    summary = ALL[path].summary
    assert 0 < len(summary) <= SUMMARY
    assert summary.endswith(".")
    above, _, name = path.rpartition(" ")
    if above:
        lines = help_page(ALL[above], columns=80).splitlines()
        assert [line for line in lines if re.fullmatch(rf"  {name} +{re.escape(summary)}", line)]


@every
def test_help_has_no_words_of_the_parser(path):
    assert not INNARDS.search(help_page(ALL[path], columns=80))


@pytest.mark.parametrize("line", ["", "login", "identity get", "service add", "sandbox"])
def test_the_help_that_is_shown_is_this_one(everyauth, line):
    done = everyauth(*line.split(), "--help", env={"COLUMNS": "80"})
    assert done.out == help_page(ALL[f"everyauth {line}".strip()], columns=80) + "\n"


@every
def test_every_value_has_a_name_of_its_own(path):
    node = ROOT
    for word in path.split()[1:]:
        node = node.commands[word]
    assert [param.name for param in node.params if not (param.metavar or getattr(param, "is_flag", False))] == []


@every
@pytest.mark.parametrize("columns", [60, 80, 120])
def test_no_line_is_wider_than_the_terminal(path, columns):
    command = ALL[path]
    lines = help_page(command, columns=columns).splitlines()
    assert [line for line in lines if len(line) > columns and line.removeprefix("  $ ") not in command.examples] == []
    assert [line for line in command.examples if len(line) > (58 if line.startswith("# ") else 76)] == []


@every
def test_there_is_an_example_in_the_help_and_in_the_manual(path):
    shown = help_page(ALL[path], columns=80)
    manual = PAGES["everyauth.1"]()
    examples = [line for line in ALL[path].examples if not line.startswith("#")]
    assert examples
    for line in examples:
        assert f"\n  $ {line}" in shown
        assert f".EX\n{roff(line)}\n.EE" in manual


@pytest.mark.parametrize(("path", "line"), [(path, line) for path in ALL for line in ALL[path].examples])
def test_every_example_can_be_run(path, line):
    if line.startswith("# "):
        return
    commands = re.findall(r"(?<!\S)(?:\$\(|<\()?everyauth ([^)&|>]*)", line.replace('"Authorization: Bearer ', ""))
    assert commands
    paths = [parsed(shlex.split(words)) for words in commands]
    assert [one for one in paths if f"{one} ".startswith(f"{path} ")] or path == "everyauth"


@pytest.mark.parametrize("line", ["login", "login pagerduty --bogus", "identity gett", "service log x --limit none"])
def test_a_line_that_cannot_be_run_is_noticed(line):
    with pytest.raises(parser_error()):
        parsed(line.split())


def option(*names, **more):
    base = {"metavar": "", "about": "Do it.", "required": False, "repeatable": False, "section": "Options"}
    return ParameterHelp(names=names, **{**base, **more})


def argument(metavar, **more):
    return option(metavar=metavar, section="Arguments", **more)


def page(*parameters, columns=40, **more):
    base = {"about": "Do a thing.", "commands": [], "epilog": ""}
    return help_page(CommandHelp(path="x", parameters=parameters, **{**base, **more}), columns=columns)


@pytest.mark.parametrize(
    ("parameter", "usage"),
    [
        (argument("WHO", required=True), "WHO"),
        (argument("WHO"), "[WHO]"),
        (argument("ARG", repeatable=True), "[ARG]..."),
        (argument("[SERVICE] WHO", repeatable=True), "[SERVICE] WHO"),
        (option("--all"), ""),
        (option("--url", metavar="URL"), ""),
        (option("-u", "--url", metavar="URL", required=True), "--url URL"),
    ],
)
def test_the_usage_shows_what_has_to_be_typed(parameter, usage):
    words = " ".join(filter(None, ("x", usage, "[OPTIONS]")))
    assert page(parameter, columns=100).startswith(f"Do a thing.\n\nUSAGE\n  {words}\n\n")


def test_a_name_that_is_too_wide_has_a_line_of_its_own():
    shown = page(option("-a"), option("--a-very-long-option", metavar="URL", about="Go to this URL and come back."))
    assert "\nOPTIONS\n  -a  Do it.\n  --a-very-long-option URL\n      Go to this URL and come back.\n" in f"{shown}\n"


def test_paragraphs_are_wrapped_and_examples_are_not():
    line = "x --a-very-long-option https://a.example/b --again"
    shown = page(about="Do a thing.\n\nIt takes\nits time, so it is better to wait a little.", epilog=help_text([line]))
    assert shown.split("\n\n") == [
        "Do a thing.",
        "It takes its time, so it is better to\nwait a little.",
        "USAGE\n  x [OPTIONS]",
        f"EXAMPLES\n  $ {line}",
    ]


def test_a_group_lists_its_commands_before_its_options():
    shown = page(option("-h", about="Show this help."), commands=[("ls", "List."), ("rm", "Remove.")])
    assert shown.startswith("Do a thing.\n\nUSAGE\n  x COMMAND [OPTIONS]\n\nCOMMANDS\n")
    assert shown.endswith("COMMANDS\n  ls  List.\n  rm  Remove.\n\nOPTIONS\n  -h  Show this help.")


def test_the_programs_commands_are_listed_in_sections():
    named = [name for names in SECTIONS.values() for name in names]
    assert sorted(named) == sorted(COMMANDS)
    shown = help_page(ALL["everyauth"], columns=80)
    assert [line for line in shown.splitlines() if line.title() in map(str.title, SECTIONS)] == [
        heading.upper() for heading in SECTIONS
    ]
    assert (
        re.findall(r"^  (\w+) ", shown.partition("\n\nOPTIONS")[0].partition("GET STARTED")[2], re.MULTILINE) == named
    )


def test_headings_and_names_are_styled_on_a_terminal_alone():
    painted = help_page(ALL["everyauth login"], columns=80, paint=lambda style, text: f"<{style.name} {text}>")
    assert "<heading USAGE>\n" in painted
    assert re.search(r"\n  <command --user USER> +The user", painted)
    assert re.sub(r"<\w+ ([^>]*)>", r"\1", painted) == help_page(ALL["everyauth login"], columns=80)
