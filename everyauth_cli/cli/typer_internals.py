"""Typer's private parts, all that we touch of them; where one is missing, Typer's own behaviour is left alone."""

from __future__ import annotations

import functools
import re
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from enum import Enum
from typing import Any, get_args, get_type_hints

import typer
from typer.core import TyperCommand, TyperGroup

from everyauth_cli.cli.help import COMMON, CommandHelp, ParameterHelp, help_page
from everyauth_cli.cli.line import wants_json
from everyauth_cli.cli.streams import is_utf8
from everyauth_cli.cli.style import paint_for
from everyauth_cli.sanitize import is_visible, json_text, visible

Node = Any
"""A command, a parameter, a context or a value: Typer's types of these are not public."""

PLAIN = (str, bool, list, tuple)
"""Types of a parameter's value before Typer has looked at it."""


class PartMissing(Exception):
    """The installed Typer has no such part."""


def part(thing: Node, name: str) -> Node:
    """Return a private part of Typer's; raises `PartMissing`."""
    try:
        return getattr(thing, name)
    except AttributeError:
        raise PartMissing(name) from None


class Command(TyperCommand):
    """A command with our help, whose texts are taken as typed: importing pydantic takes as long as six bare Pythons."""

    def parse_args(self, ctx: Node, args: list[str]) -> list[str]:
        take_as_typed(self, ctx)
        return super().parse_args(ctx, args)

    def get_help(self, ctx: Node) -> str:
        return our_help(self, ctx) or super().get_help(ctx)


class Group(TyperGroup):
    """The same for a group, whose own options are typed before its commands."""

    def parse_args(self, ctx: Node, args: list[str]) -> list[str]:
        take_as_typed(self, ctx)
        return super().parse_args(ctx, args)

    def get_help(self, ctx: Node) -> str:
        return our_help(self, ctx) or super().get_help(ctx)


# Errors of the parser.


def parser_error(known: type[Exception] = typer.BadParameter) -> type[Exception]:
    """Return the class that all errors of the parser descend from; Typer exports only some of them."""
    return known.__mro__[known.__mro__.index(Exception) - 1]


def is_help(error: Exception) -> bool:
    """Whether the error carries the help of a group that was called without a command."""
    return type(error).__name__ == "NoArgsIsHelpError"


def usage_message(error: Exception) -> str:
    """Return what is wrong with the command line."""
    return str(getattr(error, "format_message", error.__str__)())


def mistyped(error: Exception) -> tuple[str, str] | None:
    """Return an option or a command that does not exist, and the one that is most like it, if there is one."""
    near = getattr(error, "possibilities", None)
    if near and (option := getattr(error, "option_name", "")):
        return str(option), str(near[0])
    found = re.match(r"No such command '([^']+)'\. Did you mean '([^']+)'", usage_message(error))
    return (found[1], found[2]) if found else None


# Values as they were typed: Typer 0.29 asks pydantic whether text is text.


def take_as_typed(command: Node, context: Node) -> None:
    """Spare a command's parameters Typer's conversion where it could only return what it is given."""
    callback = getattr(command, "callback", None)
    hints = get_type_hints(callback) if callback else {}
    for parameter in getattr(command, "get_params", lambda _: [])(context):
        hint = hints.get(getattr(parameter, "name", ""))
        if hasattr(parameter, "process_value"):
            parameter.process_value = functools.partial(
                _processed, parameter, (hint, *get_args(hint)), parameter.process_value
            )


def _processed(
    parameter: Node, kinds: tuple[object, ...], convert: Callable[[Node, Node], Node], context: Node, value: Node
) -> Node:
    try:
        choices = [choice for kind in kinds if isinstance(kind, type) and issubclass(kind, Enum) for choice in kind]
        if choices and isinstance(value, str):
            value = _chosen(choices, value, context, parameter)
        elif not _is_text(parameter, kinds, value):
            return convert(context, value)
        callback = part(parameter, "callback")
    except PartMissing:
        return convert(context, value)
    return callback(context, parameter, value) if callback else value


def _chosen(choices: Sequence[Enum], value: str, context: Node, parameter: Node) -> Enum:
    for choice in choices:
        if choice.value == value:
            return choice
    names = ", ".join(f"'{choice.value}'" for choice in choices)
    raise typer.BadParameter(f"{value!r} is not one of {names}.", ctx=context, param=parameter)


def _is_text(parameter: Node, kinds: tuple[object, ...], value: Node) -> bool:
    """Whether a value is what the parameter's function takes, or is missing where it may be."""
    if value is None or value == ():
        return not part(parameter, "required")
    if isinstance(value, (list, tuple)):
        return list[str] in kinds
    return value is part(parameter, "default") or (isinstance(value, str) and str in kinds)


# Help.


def our_help(command: Node, context: Node) -> str:
    """Return the help page, or nothing where a part that it is made from is missing."""
    try:
        found = described(command, context)
        if wants_json((part(context.find_root(), "obj") or {}).get("line", ())):
            return json_text(found.as_json(), ascii_only=not is_utf8(sys.stdout))
        return help_page(found, columns=shutil.get_terminal_size().columns, paint=paint_for(sys.stdout))
    except PartMissing:
        return ""


def described(command: Node, context: Node) -> CommandHelp:
    """Return what the help and the manual say of a command; raises `PartMissing`."""
    commands = getattr(command, "commands", {})
    # A group has so few options that all are in one section.
    params = [_described(param, "Options" if commands else "") for param in part(command, "get_params")(context)]
    return CommandHelp(
        path=part(context, "command_path"),
        about=part(command, "help") or "",
        # The order of the sections: arguments, the command's own options, the common ones.
        parameters=sorted(params, key=lambda param: (bool(param.names), param.section == COMMON)),
        commands=[
            (name, (part(below, "help") or "").partition("\n\n")[0])
            for name, below in commands.items()
            if not part(below, "hidden")
        ],
        epilog=part(command, "epilog") or "",
    )


def _described(param: Node, section: str) -> ParameterHelp:
    argument = part(param, "param_type_name") == "argument"
    # Typer keeps the names of --help in a set, so they come in any order.
    names = [] if argument else sorted(_names(param), key=lambda option: option.startswith("--"))
    flag = not argument and part(param, "is_flag")
    is_help_option = "--help" in names
    section = section or (COMMON if is_help_option else getattr(param, "rich_help_panel", ""))
    about = "Show this help." if is_help_option else part(param, "help") or ""
    return ParameterHelp(
        names=names,
        metavar="" if flag else part(param, "metavar") or part(param, "name").upper().replace("_", "-"),
        about=about + _default(param, argument=argument),
        required=part(param, "required"),
        repeatable=part(param, "nargs") == -1,
        section=section or ("Arguments" if argument else "Options"),
    )


def _names(option: Node) -> list[str]:
    """The names of an option, and those by which it says no."""
    return [*part(option, "opts"), *part(option, "secondary_opts")]


def _default(param: Node, *, argument: bool) -> str:
    """The default in brackets, when there is one that says something."""
    if part(param, "required"):
        return "" if argument else " (required)"
    shown = getattr(param, "show_default", None)
    default = shown if isinstance(shown, str) else part(param, "default")
    return "" if shown is False or default in (None, False, ()) else f" (default: {default})"


def command_tree(command: Node, name: str, parent: Node = None) -> Iterator[CommandHelp]:
    """A command and, if it is a group, all that is below it, described; raises `PartMissing`."""
    context = _context(command, name, parent)
    yield described(command, context)
    for below, one in getattr(command, "commands", {}).items():
        if not part(one, "hidden"):
            yield from command_tree(one, below, context)


def in_order(app: typer.Typer, order: Sequence[str]) -> None:
    """Put commands that were registered as their modules were imported in the order of the help."""
    for name in ("registered_commands", "registered_groups"):
        getattr(app, name, []).sort(key=lambda one: order.index(one.name or ""))


# Completion.


def candidates(root: Node, words: Sequence[str]) -> Iterator[tuple[str, str]]:
    """The possible values of the last word, which is begun or empty, each with its summary.

    There are none where a part that they are found by is missing.
    """
    try:
        context = _last_context(root, words[:-1])
        given = _given(context)
        for candidate, about in _candidates(context, words):
            # An option is not given twice. What a terminal cannot show might do something to the terminal.
            if all(map(is_visible, candidate)) and candidate not in given:
                yield candidate, visible(" ".join(about.partition("\n\n")[0].split()))
    except PartMissing:
        return


def _candidates(context: Node, words: Sequence[str]) -> Iterator[tuple[str, str]]:
    *before, last = words
    option, equals, value = last.partition("=")
    if equals and (named := _option(context, option)):
        yield from ((option + equals + item.value, item.help or "") for item in _completed(named, context, value))
        return
    completed = _completing(context, before, last)
    commands = getattr(completed, "commands", {})
    for item in _completed(completed, context, last):
        # Typer would cut a command's help to 45 characters.
        yield item.value, commands.get(item.value, item).help or ""


def _completed(completed: Node, context: Node, incomplete: str) -> Node:
    return part(completed, "shell_complete")(context, incomplete)


def _context(command: Node, name: str, parent: Node) -> Node:
    return typer.Context(command, parent, name, resilient_parsing=True, **part(command, "context_settings"))


def _last_context(root: Node, words: Sequence[str]) -> Node:
    """The context of the last command that the words name, with the parameters given so far as plain text."""
    here, name, rest, context = root, "everyauth", list(words), None
    while True:
        context = _context(here, name, context)
        given, rest, _ = part(part(here, "make_parser")(context), "parse_args")(rest)
        # What was not given is in it too: as None, as an empty tuple, or as a marker of Typer's own.
        context.params = {name: value for name, value in given.items() if value and isinstance(value, PLAIN)}
        below = getattr(here, "commands", {}).get(rest[0]) if rest else None
        if below is None:
            return context
        here, name, rest = below, rest[0], rest[1:]


def _given(context: Node) -> set[str]:
    """The options that were given and cannot be given again."""
    options = (param for param in _params(context, "option") if not part(param, "multiple"))
    return {option for param in options if part(param, "name") in context.params for option in _names(param)}


def _completing(context: Node, before: Sequence[str], last: str) -> Node:
    """The node that knows the last word: an option that takes a value, the next argument, else the command."""
    ended = "--" in before
    if before and not ended and (option := _option(context, before[-1])):
        return option
    if last.startswith("-") and not ended:
        return context.command
    # An argument of many words always takes another.
    waiting = (p for p in _params(context, "argument") if part(p, "nargs") == -1 or p.name not in context.params)
    return next(waiting, context.command)


def _option(context: Node, word: str) -> Node:
    """The option of that name which takes a value, if there is one."""
    options = (param for param in _params(context, "option") if word in part(param, "opts"))
    return next((param for param in options if not part(param, "is_flag")), None)


def _params(context: Node, kind: str) -> list[Node]:
    return [param for param in part(context.command, "params") if part(param, "param_type_name") == kind]
