"""Every regular expression of the package takes time that grows no faster than its text."""

from __future__ import annotations

import ast
import collections
import itertools
import re
import time
from collections.abc import Iterator

import pytest
from source import Module, read_package

SIZE = 20_000
"""Characters: where the time grows as their square, this takes many seconds, and else some milliseconds."""
SECONDS = 1.0
MODULES = [module for module in read_package() if not module.path.startswith("sandbox/")]
FUNCTIONS = {"match", "fullmatch", "search", "sub", "split", "findall", "finditer"}
# Patterns that are put together when they run, each over a text that is bounded or our own.
COMPOSED = {
    "cli/guide_screen.py": 1,  # two literals without repetition
    "cli/suggestion.py": 1,  # a hint, with a bound on both of its parts
    "cli/topics/text.py": 1,  # our own texts
    "services/catalogue.py": 1,  # a line of the user's own file, and keys that are escaped
    "services/client_checks.py": 1,  # an id of at most LONGEST_ID characters, with a pattern that values.py bounds
    "services/values.py": 1,  # the same pattern, which is compiled and not run
    "services/parameters.py": 1,  # a host of at most LONGEST_URL characters, with one part that repeats
}
SHAPES = [
    "a", "1", " ", "\t", "\n", "-", "_", "~", ".", ",", "/", ":", "@", "=", "&", "?", "%", "{", "}", "[", "]", "<", ">",
    '"', "'", "\\", "`", "$", "a.", "a-", "a1", "a ", ", ", "{a", "{a}", "{a.", "a=", '"a"', "'a'", "\\a", "\\0", "a:",
    "a/", "//", "a@", "http://", "https://a", "everyauth ", "charset=", "407", "auth ", "a = [", "\u00e9", "\u202e",
]  # fmt: skip
BEGINNINGS = [
    "",
    "{",
    '"',
    "'",
    "[",
    "postgres://",
    "https://",
    "charset=",
    "everyauth ",
    "sqlite:///",
    "title = [",
    "/",
]
END = "\0"
"""A character that few patterns match, so that they look back for another way."""


def patterns(module: Module) -> Iterator[tuple[str, str, int]]:
    """Find the patterns of a module, each with the function that runs it and its flags."""
    constants = {
        node.targets[0].id: node.value
        for node in module.nodes
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id.isupper()
    }
    for node in module.nodes:
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        owner, name = node.func.value, node.func.attr
        if not isinstance(owner, ast.Name) or name not in FUNCTIONS | {"compile"}:
            continue
        if owner.id == "re":
            given = node.args[0]
            given = constants.get(given.id, given) if isinstance(given, ast.Name) else given
            text = given.value if isinstance(given, ast.Constant) else ""
            # A compiled constant is found again where it runs.
            yield text, "" if name == "compile" and text else name, _flags(node)
        elif owner.id in constants and isinstance(compiled := constants[owner.id], ast.Call) and compiled.args:
            text = compiled.args[0]
            yield text.value if isinstance(text, ast.Constant) else "", name, _flags(compiled)


def _flags(call: ast.Call) -> int:
    names = {node.attr for argument in call.args[1:] for node in ast.walk(argument) if isinstance(node, ast.Attribute)}
    return sum(getattr(re, name) for name in names if isinstance(getattr(re, name, None), re.RegexFlag))


FOUND = [(module.path, *found) for module in MODULES for found in patterns(module)]
WRITTEN = sorted({(path, text, name, flags) for path, text, name, flags in FOUND if text and name})


def test_the_patterns_are_found():
    assert len(WRITTEN) > 25
    composed = [path for path, text, _, _ in FOUND if not text]
    assert {path: composed.count(path) for path in composed} == COMPOSED


@pytest.mark.slow
@pytest.mark.parametrize(("path", "text", "name", "flags"), WRITTEN)
def test_a_pattern_is_no_slower_than_linear(path, text, name, flags):
    pattern = re.compile(text, flags)
    run = (lambda text: pattern.sub(text[:0], text)) if name == "sub" else getattr(pattern, name)
    for beginning, shape in itertools.product(BEGINNINGS, SHAPES):
        foreign = beginning + shape * (SIZE // len(shape)) + END
        started = time.process_time()
        found = run(foreign.encode() if isinstance(text, bytes) else foreign)
        if name == "finditer":
            collections.deque(found, maxlen=0)
        took = time.process_time() - started
        assert took < SECONDS, f"{path}: {text!r} took {took:.1f} s on {beginning!r} and {shape!r}"
