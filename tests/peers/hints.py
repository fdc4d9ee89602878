"""Checks of the hints in a command's output: each command in one can be run as it stands."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import pairwise

import typer
from typer.main import get_command

from everyauth_cli.cli.suggestion import WITHOUT_PROFILE, read_hint
from everyauth_cli.cli.tree import COMMANDS, tree

ROOT = get_command(tree())
SHOWN = re.compile(r"(?:^  |; )try: (.*)", re.MULTILINE)


def parsed(words: Sequence[str]) -> str:
    """Parse a command line as it would be run, without running it, and return the path of its command."""
    context = ROOT.make_context("everyauth", list(words), obj={})
    while rest := [*context._protected_args, *context.args]:
        name, command, rest = context.command.resolve_command(context, rest)
        context = command.make_context(name, rest, parent=context)
    return context.command_path


def hints_in(output: str) -> Iterator[str]:
    """The hints of the errors in what a command printed, as text or as JSON."""
    yield from (hint.partition("\t")[0] for hint in SHOWN.findall(output))
    for line in output.splitlines():
        if line.startswith('{"error": '):
            yield from filter(None, [json.loads(line)["error"]["hint"]])


def check_hints(line: Sequence[str], output: str) -> None:
    """Assert that each hint ends with a command that can be pasted, or has none, and names the profile of the line."""
    for hint in hints_in(output):
        advice, command = read_hint(hint)
        assert not re.search(rf"\beveryauth ({'|'.join(COMMANDS)})\b", advice), f"no command in prose: {hint}"
        if not command:
            continue
        words = shlex.split(command)[1:]
        with suppress(typer.Exit):  # as --help ends
            parsed(words)
        profiles = [value for option, value in pairwise(line) if option in ("-p", "--profile")]
        if profiles and profiles[-1] != "default" and words[0] not in WITHOUT_PROFILE and "--help" not in words:
            # It may be another: the one given may be mistyped.
            assert {"-p", "--profile", "--sandbox"} & {*words}, f"{line}: {hint} leaves out the profile"
