"""The project's Python files, parsed, for the tests that read them and for figures.py."""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from posixpath import normpath

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "everyauth_cli"


@dataclass(frozen=True)
class Module:
    """One source file of the package; `path` is relative to the package."""

    path: str
    source: str

    @cached_property
    def nodes(self) -> list[ast.AST]:
        return list(ast.walk(ast.parse(self.source)))

    @property
    def name(self) -> str:
        dotted = f"{PACKAGE}/{self.path}".removesuffix(".py").replace("/", ".")
        return dotted.removesuffix(".__init__")

    def at(self, line: int, what: str) -> str:
        return f"{normpath(f'{PACKAGE}/{self.path}')}:{line}: {what}"

    def lives_in(self, homes: list[str]) -> bool:
        return any(fnmatch(self.path, home) for home in homes)

    def imports(self) -> Iterator[tuple[int, str]]:
        """The line and dotted target of every import, those inside functions included."""
        for node in self.nodes:
            if isinstance(node, ast.Import):
                yield from ((node.lineno, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                yield from ((node.lineno, f"{self.base(node)}.{alias.name}") for alias in node.names)
            elif name := _imported_by_call(node):
                yield name

    def base(self, node: ast.ImportFrom) -> str:
        """The module, or the package, that a `from` names."""
        if not node.level:
            return node.module or ""
        package = f"{PACKAGE}/{self.path}".split("/")[: -node.level]
        return ".".join([*package, *([node.module] if node.module else [])])

    def documentation(self) -> dict[int, ast.Constant]:
        """The docstrings by the id of their node, those below an assignment included."""
        found = [node.value for node in self.nodes if isinstance(node, ast.Expr)]
        return {id(text): text for text in found if isinstance(text, ast.Constant) and isinstance(text.value, str)}

    def comments(self) -> Iterator[tuple[int, str]]:
        """The line and text of every comment."""
        for token in tokenize.generate_tokens(io.StringIO(self.source).readline):
            if token.type == tokenize.COMMENT:
                yield token.start[0], token.string


def _imported_by_call(node: ast.AST) -> tuple[int, str] | None:
    match node:
        case ast.Call(
            func=ast.Name(id="import_module" | "__import__") | ast.Attribute(attr="import_module"),
            args=[ast.Constant(value=str(name)), *_],
        ):
            return node.lineno, name
    return None


def cycle(modules: list[Module]) -> list[str]:
    """The modules of one import cycle, if there is one; an import inside a function makes a cycle too."""
    names = {module.name for module in modules} - {PACKAGE}  # which imports its names late, on access
    graph = {module.name: set(_imported(module, names)) for module in modules if module.name in names}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def _imported(module: Module, names: set[str]) -> Iterator[str]:
    for _, target in module.imports():
        # The last part of a target is a module, or a name in one.
        found = next((name for name in (target, target.rpartition(".")[0]) if name in names), None)
        if found and found != module.name:
            yield found


def read_package(root: Path = ROOT) -> list[Module]:
    """Read every module of the package, in the order of their paths."""
    return [_read(path, path.relative_to(root / PACKAGE)) for path in sorted((root / PACKAGE).rglob("*.py"))]


def read_tests(root: Path = ROOT) -> list[Module]:
    """Read every Python file of the tests; their paths lead there from the package."""
    found = [path for path in sorted((root / "tests").rglob("*.py")) if "node_modules" not in path.parts]
    return [_read(path, ".." / path.relative_to(root)) for path in found]


def _read(path: Path, name: Path) -> Module:
    return Module(name.as_posix(), path.read_text(encoding="utf-8"))
