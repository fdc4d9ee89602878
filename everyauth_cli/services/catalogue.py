"""The catalogue: one TOML file a service in this package, and the user's own files over them, key by key.

A file a service, because then looking one up parses no other, and because a file that somebody edits by hand
keeps its comments when another service is added or removed.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from everyauth_cli.errors import ConfigurationProblem, ServiceNotFound, UsageProblem
from everyauth_cli.model import Service
from everyauth_cli.services.entry import NAME, make_service

SHIPPED = Path(__file__).with_name("catalogue")
SUFFIX = ".toml"
EXAMPLE = "pagerduty"
"""The service that examples speak of."""


class Catalogue:
    """All services that are known here; `own` is the directory of the user's own files."""

    def __init__(self, own: Path | None = None) -> None:
        self._own = own

    def names(self) -> list[str]:
        """The names of all services, sorted."""
        return sorted(_names(SHIPPED) | (_names(self._own) if self._own else set()))

    def get(self, name: str) -> Service:
        """The service of that name or alias.

        Raises `ServiceNotFound` with near names, `ConfigurationProblem` when the user's file is wrong.
        """
        shipped = _load(SHIPPED / (name + SUFFIX)) if NAME.fullmatch(name) else None
        mine = self._own_entry(name) if NAME.fullmatch(name) else None
        if shipped is None and mine is None:
            return self._by_alias(name)
        entry = {**(shipped or {}), **(mine or {})}
        return make_service(name, entry, where=lambda key: _place(self.own_path(name), key), own=shipped is None)

    def own_path(self, name: str) -> Path | None:
        """Where the user's own entry of that name is, or would be."""
        return self._own / (name + SUFFIX) if self._own else None

    def add(self, name: str, entry: Mapping[str, Any]) -> Path:
        """Write an entry of the user's own and return its path.

        Raises `UsageProblem` when the name is taken, `ConfigurationProblem` when the entry is wrong.
        """
        path = self.own_path(name)
        assert path is not None
        make_service(name, entry, where=lambda _: "the new entry", own=True)
        if name in self.names():
            raise UsageProblem(
                f"{name} is in the catalogue already", hint=f"choose another name, or edit {path} to change its keys"
            )
        import tomli_w

        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8") as file:
                file.write(tomli_w.dumps(dict(entry)))
        except OSError as error:
            raise ConfigurationProblem(f"cannot write {path}: {error.strerror}") from None
        return path

    def remove(self, name: str) -> None:
        """Delete the user's own entry of that name."""
        path = self.own_path(name)
        assert path is not None
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise ConfigurationProblem(f"cannot remove {path}: {error.strerror}") from None

    def _own_entry(self, name: str) -> dict[str, Any] | None:
        path = self.own_path(name)
        return _load(path) if path else None

    def _by_alias(self, name: str) -> Service:
        for candidate in self.names():
            service = self.get(candidate)
            if name in service.aliases:
                return service
        near = difflib.get_close_matches(name.lower(), self.names(), 3, 0.5)
        raise ServiceNotFound(
            f"there is no service {name!r} in the catalogue" + (f"; did you mean {' or '.join(near)}?" if near else ""),
            hint=f"everyauth login {near[0]}"
            if len(near) == 1
            else "`everyauth service ls` lists them; `everyauth service add` adds one",
        )


def _names(directory: Path) -> set[str]:
    try:
        return {path.stem for path in directory.iterdir() if path.suffix == SUFFIX and NAME.fullmatch(path.stem)}
    except FileNotFoundError:
        return set()
    except OSError as error:
        raise ConfigurationProblem(f"cannot read {directory}: {error.strerror}") from None


def _load(path: Path) -> dict[str, Any] | None:
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigurationProblem(f"cannot read {path}: {error.strerror}", hint="make it readable for you") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationProblem(f"{path} is not TOML: {error}", hint="correct it, or move it away") from None


def _place(path: Path | None, key: str) -> str:
    """The file of the user's own entry, with the line at which a key stands."""
    if path is None or not path.exists():
        return "the catalogue"
    lines = path.read_text(encoding="utf-8").splitlines()
    at = next((n for n, line in enumerate(lines, 1) if re.match(rf"\s*\[?{re.escape(key)}\b", line)), None)
    return f"{path}:{at}" if at else str(path)
