"""A command line before it is parsed: what can be known of it even where it has a mistake."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence

PROFILE = ("-p", "--profile")
OUTPUT = re.compile(r"-\w*o|--output")
JSON_OUTPUT = re.compile(r"-\w*ojson|--output=json")


def profile_in(line: Sequence[str]) -> str:
    """Return the profile that a command line names; nothing if it names none."""
    separate = [word for before, word in itertools.pairwise(line) if before in PROFILE]
    joined = [word.partition("=")[2] for word in line if word.startswith("--profile=")]
    return next(iter([*separate, *joined]), "")


def words_of(line: Sequence[str]) -> list[str]:
    """Return the words of a command line that are no options, and no values of the common ones."""
    values = (*PROFILE, "-o", "--output")
    return [word for before, word in zip(("", *line), line, strict=False) if word[:1] != "-" and before not in values]


def wants_json(line: Sequence[str]) -> bool:
    """Whether data and errors are to be JSON."""
    pairs = itertools.pairwise(line)
    return any(map(JSON_OUTPUT.fullmatch, line)) or any(
        word == "json" and OUTPUT.fullmatch(before) for before, word in pairs
    )
