"""The tree of errors that errors.py draws is the one in the code, whichever module defines an error."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator

import everyauth_cli
from everyauth_cli import errors
from everyauth_cli.errors import EveryAuthError

LINE = re.compile(r"^    ((?:[│├└─ ]{4})*)(\w+) +(\d) +([a-z_]+)", re.MULTILINE)
EXTRAS = {"django", "flask", "starlette", "requests", "psycopg", "pytest"}


def import_everything() -> None:
    for module in pkgutil.walk_packages(everyauth_cli.__path__, "everyauth_cli."):
        if module.name.endswith("__main__"):
            continue
        try:
            importlib.import_module(module.name)
        except ModuleNotFoundError as error:
            assert error.name in EXTRAS, module.name  # noqa: PT017 - of an app that is not installed


def in_code(kind: type[EveryAuthError], depth: int = 0) -> Iterator[tuple[str, ...]]:
    yield str(depth), kind.__name__, str(kind.exit_code), kind.code
    for child in kind.__subclasses__():
        yield from in_code(child, depth + 1)


def test_the_tree_that_is_drawn_is_the_one_in_the_code():
    import_everything()
    drawn = [(str(len(indent) // 4), *rest) for indent, *rest in LINE.findall(errors.__doc__ or "")]
    assert sorted(drawn) == sorted(in_code(EveryAuthError))
    parents: list[str] = []
    for depth, name, *_ in drawn:
        parents[int(depth) :] = [name]
        assert int(depth) == 0 or parents[-2] in {base.__name__ for base in kind_of(name).__mro__}


def kind_of(name: str) -> type[EveryAuthError]:
    kinds = [EveryAuthError]
    for kind in kinds:
        kinds += kind.__subclasses__()
    return next(kind for kind in kinds if kind.__name__ == name)


def test_every_error_has_one_exit_code_with_its_whole_branch():
    import_everything()
    for branch in EveryAuthError.__subclasses__():
        assert {code for _, _, code, _ in in_code(branch)} == {str(branch.exit_code)}
