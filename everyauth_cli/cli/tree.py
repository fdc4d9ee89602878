"""The command tree, or as much of it as a command line needs."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib import import_module

import typer

from everyauth_cli.cli.app import app
from everyauth_cli.cli.topics import TOPICS
from everyauth_cli.cli.typer_internals import in_order

COMMANDS: dict[str, list[str]] = {
    "demo": [],
    "init": [],
    "login": [],
    "token": [],
    "status": [],
    "logout": [],
    "service": ["ls", "get", "export", "set", "key", "add", "check", "metadata", "rm", "log"],
    "store": ["use", "status", "move", "rotate-key"],
    "profile": ["ls"],
    "doctor": [],
    "identity": ["ls", "show", "get", "rm", "refresh", "check"],
    "alerts": ["set", "status", "off", "test"],
    "sandbox": [],
    "open": [],
    "completion": [],
    "version": [],
    "help": [],
}
"""The commands and the groups, with the commands of each, in the order of the help."""


WELCOME = "welcome"
"""The command of a line without words, which no help lists."""

ORIGINAL = {
    ("token",): "everyauth has no account of its own; name the service whose token you need: everyauth token SERVICE",
    ("profile", "export"): "a profile has no keys to export; move what a store holds: everyauth store move FROM TO",
    ("profile", "import"): "a profile has no keys to import; log in, which begins one: "
    "everyauth login SERVICE --profile NAME",
}
"""Lines of the original `everyauth` that nothing here does, each with what took its place."""

HELP = ("--help", "-h")
VERSION = "--version"
TAKES_VALUE = ("-p", "--profile", "-o", "--output")
"""The common options that are followed by a value."""


def tree(line: Sequence[str] | None = None) -> typer.Typer:
    """Return the tree's root with the commands that a command line names, or with all of them."""
    for name in _modules(COMMANDS, COMMANDS) if line is None else _named(line):
        import_module(f"everyauth_cli.cli.commands.{name.replace('-', '_')}")
    in_order(app, [*COMMANDS, WELCOME])
    for group in app.registered_groups:
        if group.typer_instance:
            in_order(group.typer_instance, COMMANDS[group.name or ""])
    return app


def spelled_out(line: Sequence[str]) -> list[str]:
    """Return a command line with a command: `version` for --version, `welcome` where there is none.

    `help COMMAND` is COMMAND --help; `help TOPIC` stays as it is.
    """
    words = _without_options(line)
    if words[:1] == ["help"] and next(iter(words[1:]), "") not in TOPICS and not {*HELP} & {*words}:
        before = list(line)[: len(line) - len(words)]
        # A group takes no option behind its name.
        names = [*itertools.takewhile(lambda word: not word.startswith("-"), words[1:])]
        return [*before, *words[1 + len(names) :], *names, HELP[0]]
    if words or set(line) & {*HELP}:
        return list(line)
    return [*(word for word in line if word != VERSION), "version" if VERSION in line else WELCOME]


def instead_of(line: Sequence[str]) -> str:
    """Return what took the place of a line of the original `everyauth`; nothing for any other."""
    words = _without_options(line)
    typed = next((at for at, word in enumerate(words) if word.startswith("-")), len(words))
    return ORIGINAL.get(tuple(words[: typed if words[:1] == ["token"] else 2]), "")


def command_in(line: Sequence[str]) -> str:
    """Return the path of the command that a command line names, as far as it names one."""
    first, second = (*_without_options(line), "", "")[:2]
    names = [first] * (first in COMMANDS) + [second] * (second in COMMANDS.get(first, []))
    return " ".join(["everyauth", *names])


def _named(line: Sequence[str]) -> Iterator[str]:
    """The modules of the commands that a command line may mean."""
    words = _without_options(line)
    if not words or words[0] in HELP:
        # The help of all shows the groups alone.
        return iter(COMMANDS)
    first, second = (*words, "")[:2]
    if first == WELCOME:
        # It shows the help of all too.
        return iter([*COMMANDS, WELCOME])
    if first not in COMMANDS:
        return _modules(COMMANDS, COMMANDS)
    below = COMMANDS[first]
    return _modules([first], {first: [second] if second in below else below})


def _modules(names: Iterable[str], below: Mapping[str, Sequence[str]]) -> Iterator[str]:
    for name in names:
        yield name
        yield from (f"{name}.{one}" for one in below[name])


def _without_options(line: Sequence[str]) -> list[str]:
    """Drop the common options before the command; what cannot be read so is left to the parser."""
    words = list(line)
    while words and words[0].startswith("-") and words[0] not in HELP:
        del words[: 2 if words[0] in TAKES_VALUE else 1]
    return words
