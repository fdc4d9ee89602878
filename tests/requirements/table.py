"""Writes the table of what the specifications require of a client: `python tests/requirements/table.py`."""

from __future__ import annotations

import ast
import importlib
import re
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
README = HERE / "README.md"
FIRST = "mcp"
"""The file of the document that the others are referred to by."""

INTRODUCTION = """\
# What the specifications require of a client

Each sentence with MUST, MUST NOT, SHALL or REQUIRED that binds a client, the function that does it, and the test that
fails if it does not. Left out are sentences that bind servers alone, and those that only refer to others of this list.
`test_requirements.py` fails when a function or a test is renamed, and when this table is not what `table.py` makes of
the `.toml` files beside it.

    python tests/requirements/table.py
"""


def documents() -> list[dict[str, Any]]:
    """Return the documents with their requirements, in the order of the table."""
    paths = sorted(HERE.glob("*.toml"), key=lambda path: (path.stem != FIRST, path.stem))
    return [tomllib.loads(path.read_text(encoding="utf-8")) for path in paths]


def table() -> str:
    """Return the text of the README."""
    found = documents()
    return "\n".join([INTRODUCTION, *_summary(found), *(line for document in found for line in _section(document))])


def _summary(found: list[dict[str, Any]]) -> list[str]:
    rows = [f"| [{name}](#{_anchor(name)}) | {' | '.join(map(str, _counts(of)))} |" for name, of in _named(found)]
    total = [sum(column) for column in zip(*(_counts(of) for _, of in _named(found)), strict=True)]
    return [
        "| document | requirements | to the letter | not to the letter | cannot apply |",
        "|---|---|---|---|---|",
        *rows,
        f"| together | {' | '.join(map(str, total))} |",
        "",
    ]


def _named(found: list[dict[str, Any]]) -> list[tuple[str, list[dict[str, Any]]]]:
    return [(document["document"], document["requirement"]) for document in found]


def _counts(requirements: list[dict[str, Any]]) -> list[int]:
    other = sum("differs" in requirement for requirement in requirements)
    without = sum("not_applicable" in requirement for requirement in requirements)
    return [len(requirements), len(requirements) - other - without, other, without]


def _anchor(name: str) -> str:
    return re.sub(r"[^a-z0-9 -]", "", name.lower()).replace(" ", "-")


def _section(document: dict[str, Any]) -> list[str]:
    return [
        f"## {document['document']}",
        "",
        f"[{document['title']}]({document['url']})",
        "",
        "| section | requirement | function | test |",
        "|---|---|---|---|",
        *map(_row, document["requirement"]),
        "",
    ]


def _row(requirement: dict[str, Any]) -> str:
    text, reason = requirement["text"], requirement.get("not_applicable")
    if reason:
        return f"| {requirement['section']} | {_cell(text)} | cannot apply: {_cell(reason)} | |"
    if "differs" in requirement:
        text += f"<br>**Not to the letter:** {requirement['differs']}"
    functions = "<br>".join(map(_function_link, requirement["function"]))
    tests = "<br>".join(map(_test_link, requirement["test"]))
    return f"| {requirement['section']} | {_cell(text)} | {functions} | {tests} |"


def _cell(text: str) -> str:
    return text.replace("|", r"\|")


def _function_link(reference: str) -> str:
    module, _, name = reference.partition(":")
    return f"[{name}](../../{_source(module).relative_to(ROOT).as_posix()})"


def _test_link(reference: str) -> str:
    path, _, name = reference.partition("::")
    return f"[{name.removeprefix('test_').replace('_', ' ')}](../../{path})"


def _source(module: str) -> Path:
    path = ROOT.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def fault_of_function(reference: str) -> str:
    """Return why `module:qualname` is no function or class that the module defines, or an empty text."""
    module, _, name = reference.partition(":")
    try:
        found: Any = importlib.import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        return f"{reference}: {error}"
    found = getattr(found, "__wrapped__", found)
    return "" if callable(found) and found.__module__ == module else f"{reference} is not defined there"


def fault_of_test(reference: str) -> str:
    """Return why `path::name` is no test, or an empty text."""
    path, _, name = reference.partition("::")
    if not (ROOT / path).is_file():
        return f"{reference}: there is no {path}"
    return "" if name in _tests_in(ROOT / path) else f"{reference}: {path} has no such test"


@cache
def _tests_in(path: Path) -> frozenset[str]:
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    return frozenset(node.name for node in nodes if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"))


if __name__ == "__main__":
    README.write_text(table(), encoding="utf-8")
