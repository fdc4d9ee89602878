"""Prints the figures of a package's source: `python tests/figures.py [CHECKOUT]`."""

from __future__ import annotations

import ast
import statistics
import sys
from collections.abc import Iterator, Mapping
from math import ceil
from pathlib import Path

from source import PACKAGE, ROOT, Module, cycle, read_package

Function = ast.FunctionDef | ast.AsyncFunctionDef


def figures(modules: list[Module]) -> dict[str, str]:
    """Measure a package; lengths are in lines, and a function begins at its `def`."""
    lengths = {f"{module.path}:{node.name}": _length(node) for module, node in _functions(modules)}
    ordered = sorted(_length(node) for _, node in _functions(modules))
    sizes = {module.path: len(module.source.splitlines()) for module in modules}
    inside = [target for module in modules for target in _imports_in_functions(module)]
    own = [target for target in inside if target.split(".")[0] == PACKAGE]
    return {
        "files": str(len(modules)),
        "lines": str(sum(sizes.values())),
        "comments, % of the lines that are not blank": f"{_comments(modules):.1f}",
        "public functions and classes with a docstring, %": f"{_documented(modules):.0f}",
        "function, median": f"{statistics.median(ordered):g}",
        "function, 95th percentile": str(ordered[ceil(len(ordered) * 0.95) - 1]),
        "function, longest": _largest(lengths),
        "file, biggest": _largest(sizes),
        "imports inside functions": str(len(inside)),
        "imports inside functions, of our own modules": str(len(own)),
        "import cycle": " -> ".join(cycle(modules)) or "none",
    }


def _functions(modules: list[Module]) -> Iterator[tuple[Module, Function]]:
    for module in modules:
        yield from ((module, node) for node in module.nodes if isinstance(node, Function))


def _length(node: Function) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def _largest(lengths: Mapping[str, int]) -> str:
    name = max(lengths, key=lambda key: lengths[key])
    return f"{lengths[name]} ({name})"


def _comments(modules: list[Module]) -> float:
    """The share of comments, those behind code included."""
    lines = sum(bool(line.strip()) for module in modules for line in module.source.splitlines())
    return 100 * sum(1 for module in modules for _ in module.comments()) / lines


def _documented(modules: list[Module]) -> float:
    kinds = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    nodes = [node for module in modules for node in module.nodes if isinstance(node, kinds)]
    public = [ast.get_docstring(node) for node in nodes if not node.name.startswith("_")]
    return 100 * sum(map(bool, public)) / len(public)


def _imports_in_functions(module: Module) -> Iterator[str]:
    """The module that each statement names; one statement in a function inside of another counts once."""
    functions = [node for node in module.nodes if isinstance(node, Function)]
    statements = {id(node): node for function in functions for node in ast.walk(function)}
    for node in statements.values():
        if isinstance(node, ast.Import):
            yield node.names[0].name
        elif isinstance(node, ast.ImportFrom):
            yield module.base(node)


if __name__ == "__main__":
    checkout = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT
    lines = [f"{name:<50} {value}\n" for name, value in figures(read_package(checkout)).items()]
    sys.stdout.writelines(lines)
