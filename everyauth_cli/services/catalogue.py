"""The catalogue: one TOML file for each service, shipped in this package, and the user's own files over them.

One file for each, because then a lookup parses no other, and because the comments in a file that a user edits survive
when another service is added or removed. To find an alias, only the first lines of the files are read.
"""

from __future__ import annotations

import difflib
import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from everyauth_cli.errors import ConfigurationProblem, ServiceNotFound, UsageProblem
from everyauth_cli.model import Service
from everyauth_cli.private_files import check_owners, make_directory, open_private
from everyauth_cli.services.entry import MOVED_FROM, NAME, make_service, override
from everyauth_cli.services.keys import KEYS
from everyauth_cli.store.whole_files import parse_toml, read_whole
from everyauth_cli.urls import is_url

SHIPPED = Path(__file__).with_name("catalogue")
SUFFIX = ".toml"
READABLE, CORRECT = "make it a file that you can read, or move it away", "correct it, or move it away"
HEAD = re.compile(r"^(?:title|aliases) = (?:\".*|\[[^\]]*\])", re.MULTILINE)
"""The lines of an entry that a list needs."""
LIKE, MUCH = 0.7, 0.1
"""The least likeness of names that are suggested, as difflib has it, and how much less than the best is too little."""
DEEPEST = 4
"""The most words of a key that are searched for, each in the whole file."""

Stamp = tuple[int, int, int, int]
"""Identifies one version of a file: its inode, its size, and the times when its content and its inode changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSummary:
    """A service in a list; `own` says that the entry is the user's alone, `problem` why its file cannot be read."""

    name: str
    title: str
    aliases: tuple[str, ...]
    own: bool
    problem: ConfigurationProblem | None = None


class Catalogue:
    """All known services; `own` is the directory of the user's own files.

    `at_url` returns the service at a server's URL, which no file describes.
    """

    def __init__(self, own: Path | None = None, *, at_url: Callable[[str], Service] | None = None) -> None:
        self._own = own
        self._at_url = at_url
        self._read: dict[str, tuple[list[Stamp | None], Service]] = {}

    def with_urls(self, at_url: Callable[[str], Service]) -> Catalogue:
        """Return the same catalogue with the services at URLs that `at_url` returns."""
        return Catalogue(self._own, at_url=at_url)

    def names(self) -> list[str]:
        """Return the names of all services, sorted."""
        return sorted(_names(SHIPPED) | (_names(self._own) if self._own else set()))

    def get(self, name: str) -> Service:
        """Return the service with that name or alias, or at that URL.

        Raises `ServiceNotFound` with near names, `ConfigurationProblem` when the user's file is wrong.
        """
        if not NAME.fullmatch(name):
            return self._at_url(name) if self._at_url and is_url(name) else self._by_alias(name)
        # Taken before the files are read, so that a change meanwhile is noticed by the next lookup.
        stamps = [_stamp(SHIPPED / (name + SUFFIX)), _stamp(self.own_path(name))]
        if (known := self._read.get(name)) and known[0] == stamps:
            return known[1]
        service = self._made(name)
        if service is None:
            return self._by_alias(name)
        self._read[name] = stamps, service
        return service

    def _made(self, name: str) -> Service | None:
        """Return the service in the files with that name, if any exist."""
        shipped, mine = _load(SHIPPED / (name + SUFFIX)), self._own_entry(name)
        if shipped is None and mine is None:
            return None
        try:
            return make_service(
                name,
                override(shipped or {}, mine or {}),
                where=lambda key: _place(self.own_path(name), key),
                own=shipped is None,
                own_keys=mine or (),
            )
        except RecursionError:
            raise _nested(self.own_path(name)) from None

    def listed(self) -> list[ServiceSummary]:
        """Return all services for a list, sorted by name; entries are read, but not checked.

        One whose file cannot be read is listed with the problem.
        """
        shipped, own = _names(SHIPPED), _names(self._own) if self._own else set()
        return [self._listed(name, shipped=name in shipped, has_own=name in own) for name in sorted(shipped | own)]

    def _listed(self, name: str, *, shipped: bool, has_own: bool) -> ServiceSummary:
        try:
            return _listed(name, shipped=shipped, mine=self._own_entry(name) if has_own else None)
        except ConfigurationProblem as problem:
            return replace(_listed(name, shipped=shipped, mine=None), problem=problem)

    def own_keys(self, name: str) -> list[str]:
        """Return the keys in the user's own file for a service."""
        return list(self._own_entry(name) or {})

    def keys(self, name: str) -> list[str]:
        """Return the keys of a service's entry, with those in the user's own file."""
        return [*override(_load(SHIPPED / (name + SUFFIX)) or {}, self._own_entry(name) or {})]

    def source(self, name: str) -> str:
        """Return a service's entry as TOML: the shipped file as it is, or with the user's keys, in the table's order.

        A key that a user's file may not have is left out. Raises as `get` does, and `UsageProblem` for a URL.
        """
        self.get(name)
        if is_url(name):
            raise UsageProblem(f"{name} is no entry of the catalogue: its server describes itself at each login")
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
        path = self.own_path(name)
        assert path is not None
        make_service(name, entry, where=lambda _: "the new entry", own=True)
        if name in self.names():
            raise UsageProblem(
                f"{name} is already in the catalogue", hint=f"choose another name, or edit {path} to change its keys"
            )
        import tomli_w

        try:
            make_directory(path.parent)
            with open(path, "x", encoding="utf-8", opener=open_private) as file:
                file.write(tomli_w.dumps(dict(entry)))
        except OSError as error:
            raise ConfigurationProblem(f"cannot write {path}: {error.strerror}") from None
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

    def _by_alias(self, name: str) -> Service:
        # Shipped entries first, so that a mistake in an unrelated file of the user's does not matter.
        shipped = [_listed(each, shipped=True, mine=None) for each in sorted(_names(SHIPPED))]
        found = _with_alias(name, shipped)
        # The user's file may replace its aliases.
        if found is not None and name in (service := self.get(found)).aliases:
            return service
        known = self.listed()
        found = _with_alias(name, known)
        if found is not None:
            return self.get(found)
        error = ServiceNotFound(
            f"there is no service {json.dumps(name, ensure_ascii=False)}", hint="everyauth service ls"
        )
        raise error.if_mistyped(name, near_services(name, known))


def near_services(name: str, known: Sequence[ServiceSummary]) -> list[str]:
    """Return the services with a name, alias, title or product like that, in any case; one that fits goes alone."""
    text = name.casefold()
    words = {word.casefold(): each.name for each in known for word in (each.title, *each.aliases, each.name)}
    products = {word.casefold(): each.name for each in known for word in re.findall(r"\w{2,}", each.title)}
    if exact := words.get(text) or products.get(text):
        return [exact]
    found = difflib.get_close_matches(text, words, 3, LIKE)
    ratios = [difflib.SequenceMatcher(None, word, text).ratio() for word in found]
    good = [word for word, ratio in zip(found, ratios, strict=True) if ratio > max(ratios) - MUCH]
    return list(dict.fromkeys(words[word] for word in good))


def _with_alias(alias: str, known: Sequence[ServiceSummary]) -> str | None:
    return next((listed.name for listed in known if alias in listed.aliases), None)


def _listed(name: str, *, shipped: bool, mine: dict[str, Any] | None) -> ServiceSummary:
    entry = {**(_head(SHIPPED / (name + SUFFIX)) if shipped else {}), **(mine or {})}
    title, aliases = entry.get("title"), entry.get("aliases")
    return ServiceSummary(
        name=name,
        title=title if isinstance(title, str) else name,
        aliases=tuple(alias for alias in aliases if isinstance(alias, str)) if isinstance(aliases, list) else (),
        own=not shipped,
    )


def _head(path: Path) -> dict[str, Any]:
    """Read the title and aliases of a shipped entry; parsing two lines is several times faster than the whole file."""
    import tomllib

    return tomllib.loads("\n".join(HEAD.findall(path.read_text(encoding="utf-8"))))


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
