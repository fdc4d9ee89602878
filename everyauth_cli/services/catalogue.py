"""The catalogue: one TOML file for each service, shipped in this package, and the user's own files over them.

One file for each, because then a lookup parses no other, and because the comments in a file that a user edits survive
when another service is added or removed. To find a shipped alias or preset, an index and its one file are read.
"""

from __future__ import annotations

import copy
import json
import os
import re
import shlex
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from everyauth_cli.errors import ConfigurationProblem, ServiceNotFound, UsageProblem
from everyauth_cli.model import Service
from everyauth_cli.private_files import check_owners, make_directory, open_private
from everyauth_cli.services import other_names
from everyauth_cli.services.entry import (
    MOVED_FROM,
    NAME,
    Where,
    check_name,
    make_preset,
    make_service,
    names_of_keys,
    override,
)
from everyauth_cli.services.keys import KEYS
from everyauth_cli.services.summaries import ServiceSummary, near_services, other_names_in, summaries
from everyauth_cli.store.whole_files import parse_toml, read_whole
from everyauth_cli.urls import is_url, url_meant

SHIPPED = Path(__file__).with_name("catalogue")
SUFFIX = ".toml"
READABLE, CORRECT = "make it a file that you can read, or move it away", "correct it, or move it away"
DEEPEST = 4
"""The most words of a key that are searched for, each in the whole file."""

Stamp = tuple[int, int, int, int]
"""Identifies one version of a file: its inode, its size, and the times when its content and its inode changed."""


class Catalogue:
    """All known services; `own` is the directory of the user's own files."""

    def __init__(self, own: Path | None = None) -> None:
        self._own = own
        self._at_url: Callable[[str], Service] | None = None
        self._read: dict[str, tuple[list[Stamp | None], Service]] = {}

    def with_urls(self, at_url: Callable[[str], Service]) -> Catalogue:
        """Return the same catalogue with the services at URLs, which no file describes and `at_url` returns."""
        same = copy.copy(self)
        same._at_url = at_url  # noqa: SLF001 - of this class
        return same

    def names(self) -> list[str]:
        """Return the names of all services, sorted; presets are not among them."""
        return sorted(_names(SHIPPED) | self._own_names())

    def _own_names(self) -> set[str]:
        return _names(self._own) if self._own else set()

    def names_and_presets(self) -> list[str]:
        """Return the names of all services and presets, sorted; a file of the user's that is wrong gives no presets."""
        mine: set[str] = set()
        for name in self._own_names():
            with suppress(ConfigurationProblem):
                mine.update(self.get(name).presets)
        return sorted({*self.names(), *other_names.shipped_presets(), *mine})

    def get(self, name: str) -> Service:
        """Return the service with that name or alias, the preset, or the service at that URL.

        Raises `ServiceNotFound` with near names, `ConfigurationProblem` when the user's file is wrong.
        """
        if not NAME.fullmatch(name):
            return self._at_url(name) if self._at_url and is_url(name) else self._by_other_name(name)
        # Taken before the files are read, so that a change meanwhile is noticed by the next lookup.
        stamps = [_stamp(SHIPPED / (name + SUFFIX)), _stamp(self.own_path(name))]
        if (known := self._read.get(name)) and known[0] == stamps:
            return known[1]
        service = self._made(name)
        if service is None:
            return self._by_other_name(name)
        self._read[name] = stamps, service
        return service

    def _made(self, name: str) -> Service | None:
        """Return the service in the files with that name, if any exist."""
        shipped, mine = _load(SHIPPED / (name + SUFFIX)), self._own_entry(name)
        if shipped is None and mine is None:
            return None
        self._check_names(name, mine or {}, own=shipped is None)
        try:
            return make_service(
                name,
                override(shipped or {}, mine or {}),
                where=self._where(name),
                own=shipped is None,
                own_keys=names_of_keys(mine or {}),
            )
        except RecursionError:
            raise _nested(self.own_path(name)) from None

    def _check_names(self, name: str, mine: Mapping[str, Any], *, own: bool) -> None:
        """Raise `ConfigurationProblem` where a user's file has the name of a preset, or a preset of its another's."""
        owner = other_names.service_of(name)
        if own and owner and "token_endpoint" not in mine:
            raise ConfigurationProblem(
                f"{self.own_path(name)}: {name} is no service of its own, but a name of {owner}",
                hint=f"write the keys under [presets.{name}] in {self.own_path(owner)}",
            )
        presets = mine.get("presets")
        for preset in presets if isinstance(presets, dict) else ():
            other = preset if _is_shipped(preset) else other_names.service_of(preset)
            if other not in (None, name):
                raise ConfigurationProblem(
                    f"{self._where(name)(f'presets.{preset}')}: {preset} is a name of the service {other} already",
                    hint="give the preset another name",
                )

    def _where(self, name: str) -> Where:
        return lambda key: _place(self.own_path(name), key)

    def listed(self) -> list[ServiceSummary]:
        """Return all services for a list, sorted by name, each followed by its presets; entries are not checked.

        One whose file cannot be read is listed with the problem.
        """
        shipped, own = _names(SHIPPED), self._own_names()
        lists = [self._listed(name, shipped=name in shipped, has_own=name in own) for name in sorted(shipped | own)]
        return [summary for each in lists for summary in each]

    def _listed(self, name: str, *, shipped: bool, has_own: bool) -> list[ServiceSummary]:
        path = SHIPPED / (name + SUFFIX) if shipped else None
        try:
            return summaries(name, shipped=path, mine=self._own_entry(name) if has_own else None)
        except ConfigurationProblem as problem:
            first, *presets = summaries(name, shipped=path, mine=None)
            return [replace(first, problem=problem), *presets]

    def own_keys(self, name: str) -> list[str]:
        """Return the keys in the user's own file for a service."""
        return list(self._own_entry(name) or {})

    def keys(self, name: str) -> list[str]:
        """Return the keys of a service's entry, with those in the user's own file; raises `UsageProblem` for a URL."""
        _check_has_entry(name)
        return [*override(_load(SHIPPED / (name + SUFFIX)) or {}, self._own_entry(name) or {})]

    def at_host(self, host: str) -> Service | None:
        """Return the service that has an MCP server at that host, as its entry or the user's file says."""
        for name in (other_names.service_at(host), *sorted(self._own_names())):
            with suppress(ConfigurationProblem):
                if name and host in (service := self.get(name)).mcp_hosts:
                    return service
        return None

    def source(self, name: str) -> str:
        """Return a service's entry as TOML: the shipped file as it is, or with the user's keys, in the table's order.

        A key that a user's file may not have is left out. Raises as `get` does, and `UsageProblem` for a URL.
        """
        self.get(name)
        _check_has_entry(name)
        path = SHIPPED / (name + SUFFIX)
        shipped, mine = _load(path) or {}, self._own_entry(name)
        if mine is None and MOVED_FROM not in shipped:
            return path.read_text(encoding="utf-8")
        import tomli_w

        entry = override(shipped, mine or {})
        return tomli_w.dumps({key: entry[key] for key in KEYS if key in entry and key != MOVED_FROM})

    def own_path(self, name: str) -> Path | None:
        """Return the path of the user's own file for that name, which need not exist; a URL has none."""
        return self._own / (name + SUFFIX) if self._own and not is_url(name) else None

    def add(self, name: str, entry: Mapping[str, Any]) -> Path:
        """Write a file of the user's own and return its path.

        Raises `UsageProblem` when the name is in use, `ConfigurationProblem` when the entry is wrong.
        """
        path = self.check_new(name)
        make_service(name, entry, where=lambda _: "the new entry", own=True)
        import tomli_w

        try:
            make_directory(path.parent)
            with open(path, "x", encoding="utf-8", opener=open_private) as file:
                file.write(tomli_w.dumps(dict(entry)))
        except OSError as error:
            raise ConfigurationProblem(f"cannot write {path}: {error.strerror}") from None
        return path

    def check_new(self, name: str) -> Path:
        """Return the path of the file for a new service; raises `UsageProblem` for a name that it cannot have."""
        check_name(name)
        path = self.own_path(name)
        assert path is not None
        if name in self.names():
            raise UsageProblem(
                f"{name} is already in the catalogue", hint=f"choose another name, or edit {path} to change its keys"
            )
        if owner := other_names.service_of(name):
            raise UsageProblem(f"{name} is already a name of {owner}", hint="choose another name")
        return path

    def remove(self, name: str) -> None:
        """Delete the user's own file for that name."""
        path = self.own_path(name)
        assert path is not None
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise ConfigurationProblem(f"cannot remove {path}: {error.strerror}") from None

    def _own_entry(self, name: str) -> dict[str, Any] | None:
        path = self.own_path(name)
        entry = _load(path) if path else None
        # Where there is no file, whoever could put one there has not done so.
        if path and entry is not None:
            check_owners(path)
        return entry

    def _by_other_name(self, name: str) -> Service:
        # Shipped entries first, so that a mistake in an unrelated file of the user's does not matter.
        owner = other_names.service_of(name)
        # The user's file may replace its aliases.
        if owner is not None and (found := self._named(name, self.get(owner))) is not None:
            return found
        for mine in sorted(self._own_names()):
            if name in other_names_in(self._listed(mine, shipped=_is_shipped(mine), has_own=True)) and (
                found := self._named(name, self.get(mine))
            ):
                return found
        error = ServiceNotFound(
            f"there is no service {json.dumps(name, ensure_ascii=False)}", hint="everyauth service ls"
        )
        raise error.if_mistyped(name, near_services(name, self.listed()) or url_meant(name))

    def _named(self, name: str, service: Service) -> Service | None:
        """Return the service, or its preset of that name, if it has it or that alias."""
        for preset, values in service.presets.items():
            if name == preset or name in values.get("aliases", ()):
                return make_preset(preset, service, where=self._where(service.name))
        return service if name in service.aliases else None


def _is_shipped(name: str) -> bool:
    return (SHIPPED / (name + SUFFIX)).exists()


def _names(directory: Path) -> set[str]:
    try:
        return {path.stem for path in directory.iterdir() if path.suffix == SUFFIX and NAME.fullmatch(path.stem)}
    except FileNotFoundError:
        return set()
    except OSError as error:
        raise ConfigurationProblem(f"cannot read {directory}: {error.strerror}") from None


def _stamp(path: Path | None) -> Stamp | None:
    try:
        file = os.stat(path) if path else None  # noqa: PTH116 - faster; a login looks its service up three times
    except OSError:
        return None
    return (file.st_ino, file.st_size, file.st_mtime_ns, file.st_ctime_ns) if file else None


def _load(path: Path) -> dict[str, Any] | None:
    try:
        content = read_whole(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigurationProblem(f"cannot read {path}: {error.strerror}", hint=READABLE) from None
    try:
        return parse_toml(content)
    except ValueError as error:
        message = str(error)
        raise _twice(path, content, message) or ConfigurationProblem(
            f"{path} is not TOML: {message}", hint=CORRECT
        ) from None


def _nested(path: Path | None) -> ConfigurationProblem:
    return ConfigurationProblem(f"{path or 'the catalogue'} is nested too deep", hint=CORRECT)


def _twice(path: Path, content: bytes, message: str) -> ConfigurationProblem | None:
    """Return the error for a key or table that is given twice, from tomllib's own message, which names no key."""
    match = re.match(r"Cannot (?:overwrite|declare)\b.*\(at (?:line (\d+)|end of document)", message)
    if match is None:
        return None
    lines = content.decode().splitlines()
    for at in range(int(match[1] or len(lines)), 0, -1):
        # A value may span several lines, and the message names the last one.
        if key := re.match(r"[\s\[]*([\w.\"'-]+)\s*[=\]]", lines[at - 1]):
            return ConfigurationProblem(f"{path}:{at}: {key[1]} is given twice", hint="keep one of the two")
    return None


def _check_has_entry(name: str) -> None:
    if is_url(name):
        raise UsageProblem(
            f"{name} is no entry of the catalogue: its server describes itself at each login",
            hint=f"everyauth login {shlex.quote(name)}",
        )


def _place(path: Path | None, key: str) -> str:
    """Return the user's own file with the line of a key, or of the table that it is in."""
    if path is None or not path.exists():
        return "the catalogue"
    lines, at = read_whole(path).decode().splitlines(), 0
    for word in re.findall(r"[^.]+", key)[:DEEPEST]:
        pattern = rf"(\s*\[?(\w+\.)*|.*[{{,]\s*)[\"']?{re.escape(word)}\b"
        later = range(max(at, 1), len(lines) + 1)
        at = next((number for number in later if re.match(pattern, lines[number - 1])), at)
    return f"{path}:{at}" if at else str(path)
