"""Where a private part of Typer's is missing, its plain behaviour is left alone."""

from __future__ import annotations

from enum import StrEnum
from types import SimpleNamespace

import pytest
import typer
from typer.main import get_command

from everyauth_cli.cli.tree import tree
from everyauth_cli.cli.typer_internals import (
    Command,
    candidates,
    in_order,
    is_help,
    our_help,
    parser_error,
    take_as_typed,
    usage_message,
)

ROOT = get_command(tree())
CONTEXT = typer.Context(ROOT, None, "everyauth")
COMMAND_PARTS = ["get_params", "help", "epilog"]
PARAMETER_PARTS = [
    "param_type_name",
    "opts",
    "secondary_opts",
    "is_flag",
    "help",
    "metavar",
    "required",
    "nargs",
    "default",
]


class Without:
    """Something of Typer's, and all that is below it, without one of its parts."""

    def __init__(self, thing, part):
        self.__dict__.update(thing=thing, part=part)

    def __getattr__(self, name):
        if name == self.part:
            raise AttributeError(name)
        value = getattr(self.thing, name)
        if name == "params":
            return [Without(param, self.part) for param in value]
        if name == "get_params":
            return lambda context: [Without(param, self.part) for param in value(context)]
        if name == "commands":
            return {key: Without(command, self.part) for key, command in value.items()}
        return value


class Colour(StrEnum):
    red = "red"


def paint(name: str, colour: Colour = Colour.red, often: int = 1):
    """Paint it."""


@pytest.fixture
def painter():
    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    app.command()(paint)
    return get_command(app)


@pytest.mark.parametrize("part", COMMAND_PARTS + PARAMETER_PARTS)
def test_without_a_part_there_is_no_help_of_ours(part):
    login = ROOT.commands["login"]
    context = typer.Context(login, CONTEXT, "login")
    assert "--no-browser" in our_help(login, context)
    assert our_help(Without(login, part), context) == ""


def test_a_group_is_described_only_with_what_hides_a_command():
    assert "identity" in our_help(ROOT, CONTEXT)
    assert our_help(Without(ROOT, "hidden"), CONTEXT) == ""


def test_typer_s_own_help_is_shown_instead(painter):
    command = Command(
        "paint", help="Paint it.", rich_markup_mode=None, params=[Without(param, "nargs") for param in painter.params]
    )
    context = typer.Context(command, None, "paint")
    assert our_help(command, context) == ""
    shown = command.get_help(context)
    assert "--colour" in shown
    assert "Paint it." in shown


@pytest.mark.parametrize("part", ["get_params", "callback"])
def test_values_are_converted_by_typer_where_a_command_lacks_a_part(painter, part):
    context = typer.Context(painter, None, "paint")
    take_as_typed(Without(painter, part), context)
    assert [param.process_value(context, value) for param, value in typed(painter.params)] == ["me", Colour.red, 3]


@pytest.mark.parametrize("part", ["process_value", "callback", "required", "default", "name"])
def test_values_are_converted_by_typer_where_a_parameter_lacks_a_part(painter, part):
    context = typer.Context(painter, None, "paint")
    params = [Without(param, part) for param in painter.params]
    take_as_typed(SimpleNamespace(callback=paint, get_params=lambda _: params), context)
    # Without its name Typer's own way cannot be reached through the parameter that lacks it.
    whole = painter.params if part == "process_value" else params
    assert [param.process_value(context, value) for param, value in typed(whole)] == ["me", Colour.red, 3]
    if part == "required":
        assert whole[2].process_value(context, None) is None


def typed(params):
    return zip(params, ["me", "red", "3"], strict=True)


def test_text_is_not_converted_where_nothing_is_missing(painter):
    param = painter.params[0]
    param.process_value = None
    take_as_typed(painter, typer.Context(painter, None, "paint"))
    assert param.process_value(None, "me") == "me"


@pytest.mark.parametrize(
    ("part", "line"),
    [
        ("make_parser", "log"),
        ("context_settings", "log"),
        ("params", "login --us"),
        ("param_type_name", "login --us"),
        ("multiple", "login --us"),
        ("opts", "login --us"),
        ("is_flag", "login --output j"),
        ("shell_complete", "login --us"),
        ("nargs", "completion z"),
    ],
)
def test_without_a_part_nothing_is_completed(part, line):
    assert list(candidates(ROOT, line.split()))
    assert list(candidates(Without(ROOT, part), line.split())) == []


def test_errors_of_the_parser_have_one_ancestor():
    class Alone(Exception):
        pass

    assert parser_error(Alone) is Alone
    with pytest.raises(parser_error()):
        ROOT(args=["--bogus"], standalone_mode=False)
    with pytest.raises(parser_error()) as caught:
        ROOT(args=["identity"], prog_name="everyauth", standalone_mode=False)
    assert is_help(caught.value)
    assert "USAGE\n  everyauth identity COMMAND" in usage_message(caught.value)


def test_of_an_error_that_knows_no_command_its_text_is_shown():
    assert usage_message(ValueError("x")) == "x"
    assert not is_help(ValueError("x"))


def test_commands_stay_as_they_are_where_their_registry_is_missing():
    in_order(SimpleNamespace(), ["a"])
    app = SimpleNamespace(registered_commands=[SimpleNamespace(name="b"), SimpleNamespace(name="a")])
    in_order(app, ["a", "b"])
    assert [one.name for one in app.registered_commands] == ["a", "b"]
