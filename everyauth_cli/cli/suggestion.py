"""Commands that are suggested: read from a hint, completed with the profile, and a command line corrected."""

from __future__ import annotations

import itertools
import re
import shlex
from collections.abc import Sequence
from typing import NamedTuple

from everyauth_cli.cli.line import PROFILE
from everyauth_cli.model import SANDBOX_PROFILE

PROGRAM = "everyauth"
WITHOUT_PROFILE = frozenset({"store", "alerts", "sandbox", "demo", "open", "completion", "version", "help"})
"""Commands that do the same in every profile."""
NAMES_PROFILE = (*PROFILE, "--sandbox", "-h", "--help")
"""A command with one of these words needs no profile."""
SECRETS = ("--client-secret", "--clientSecret", "--webhook")
BEFORE_SERVICE = ("--", "--service", "--like")
MOST_ADVICE, MOST_COMMAND = 1000, 4000


class Hint(NamedTuple):
    """Advice, a command that can be pasted, or both."""

    advice: str
    command: str

    def __str__(self) -> str:
        return (" " if self.advice.endswith("?") else ": ").join(filter(None, self))


def read_hint(text: str) -> Hint:
    """Read a hint, which is `COMMAND`, `advice: COMMAND`, `question? COMMAND` or advice alone."""
    pattern = rf"(?:(.{{1,{MOST_ADVICE}}}?)(?:: |(?<=\?) ))?({PROGRAM} .{{1,{MOST_COMMAND}}})"
    match = re.fullmatch(pattern, text, re.DOTALL)
    return Hint(match[1] or "", match[2]) if match else Hint(text, "")


def in_profile(command: str, profile: str) -> str:
    """Return a command with the profile that it needs, unless it names one or does the same in all."""
    words = _words(command)
    if not profile or words[:1] != [PROGRAM] or words[1:2] == [] or words[1] in WITHOUT_PROFILE:
        return command
    if any(word in NAMES_PROFILE or word.startswith("--profile=") for word in words):
        return command
    is_login = words[1] == "login" and profile == SANDBOX_PROFILE
    option = "--sandbox" if is_login else f"--profile {shlex.quote(profile)}"
    # What follows -- are arguments of another program.
    before, dashes, after = command.partition(" -- ")
    return f"{before} {option}{dashes}{after}"


def corrected(line: Sequence[str], wrong: str, right: str) -> str:
    """Return a command line with one word that is `wrong` replaced by `right`, rather no option's value; or nothing.

    A secret in it is left out: the command asks for it.
    """
    places = [at for at, word in enumerate(line) if wrong in (word, *word.split("=", 1))]
    if not places:
        return ""
    at = min(places, key=lambda at: at > 0 and line[at - 1].startswith("-") and line[at - 1] not in BEFORE_SERVICE)
    parts = [right if part == wrong else part for part in ([line[at]] if line[at] == wrong else line[at].split("=", 1))]
    return shlex.join([PROGRAM, *_without_secrets([*line[:at], "=".join(parts), *line[at + 1 :]])])


def repeated(line: Sequence[str], *more: str, without: Sequence[str] = ()) -> str:
    """Return a command line without some options and their values, and with more words; a secret in it is left out."""
    joined = tuple(f"{option}=" for option in without if option.startswith("--"))
    kept = [
        word
        for before, word in itertools.pairwise(["", *line])
        if before not in without and word not in without and not word.startswith(joined)
    ]
    return shlex.join([PROGRAM, *_without_secrets(kept), *more])


def _without_secrets(words: Sequence[str]) -> list[str]:
    shown: list[str] = []
    for word in words:
        option, equals, _ = word.partition("=")
        is_secret = bool(shown) and shown[-1] in SECRETS
        shown.append(f"{option}=-" if equals and option in SECRETS else "-" if is_secret else word)
    return shown


def _words(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError:
        return command.split()
