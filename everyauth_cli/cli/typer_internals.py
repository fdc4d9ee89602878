"""Values of a command line taken as they were typed where they are text: Typer 0.29 asks pydantic to see that."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any, get_args, get_type_hints

import typer
from typer.core import TyperCommand, TyperGroup

Node = Any
"""A command, a parameter, a context or a value: Typer's types of these are not public."""


class Command(TyperCommand):
    """A command whose texts are taken as they are: importing pydantic takes as long as six bare Pythons."""

    def parse_args(self, ctx: Node, args: list[str]) -> list[str]:
        take_as_typed(self, ctx)
        return super().parse_args(ctx, args)


class Group(TyperGroup):
    """The same for a group, whose own options stand before its commands."""

    def parse_args(self, ctx: Node, args: list[str]) -> list[str]:
        take_as_typed(self, ctx)
        return super().parse_args(ctx, args)


def take_as_typed(command: Node, context: Node) -> None:
    """Spare a command's parameters Typer's conversion where it could only give back what it is given."""
    hints = get_type_hints(command.callback) if command.callback else {}
    for parameter in command.get_params(context):
        hint = hints.get(parameter.name)
        parameter.process_value = functools.partial(
            _processed, parameter, (hint, *get_args(hint)), parameter.process_value
        )


def _processed(
    parameter: Node, kinds: tuple[object, ...], convert: Callable[[Node, Node], Node], context: Node, value: Node
) -> Node:
    choices = [choice for kind in kinds if isinstance(kind, type) and issubclass(kind, Enum) for choice in kind]
    if choices and isinstance(value, str):
        value = _chosen(choices, value, context, parameter)
    elif not _is_as_wanted(parameter, kinds, value):
        return convert(context, value)
    return parameter.callback(context, parameter, value) if parameter.callback else value


def _chosen(choices: Sequence[Enum], value: str, context: Node, parameter: Node) -> Enum:
    for choice in choices:
        if choice.value == value:
            return choice
    names = ", ".join(f"'{choice.value}'" for choice in choices)
    raise typer.BadParameter(f"{value!r} is not one of {names}.", ctx=context, param=parameter)


def _is_as_wanted(parameter: Node, kinds: tuple[object, ...], value: Node) -> bool:
    if value is None or value == ():
        return not parameter.required
    if isinstance(value, (list, tuple)):
        return list[str] in kinds
    return value is parameter.default or (isinstance(value, str) and str in kinds)
