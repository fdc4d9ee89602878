"""Short descriptions of services, for lists and for suggestions."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from everyauth_cli.errors import ConfigurationProblem
from everyauth_cli.services.entry import override

HEAD = re.compile(r"^(?:title|aliases) = (?:\".*|\[[^\]]*\])|^\[presets\..*", re.MULTILINE)
"""The lines of an entry that a list needs; the title of a preset follows its name."""
MOST, LIKE, MUCH = 3, 0.7, 0.1
"""The most names that are suggested, their least likeness as difflib has it, and how far below the best is too far."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSummary:
    """A service in a list; `own` says that the entry is the user's alone, `problem` why its file cannot be read.

    A preset has the name of the service that it is `preset_of`.
    """

    name: str
    title: str
    aliases: tuple[str, ...]
    own: bool
    preset_of: str | None = None
    problem: ConfigurationProblem | None = None


def summaries(name: str, *, shipped: Path | None, mine: dict[str, Any] | None) -> list[ServiceSummary]:
    """Return the summary of a service, then those of its presets, from its shipped file and the user's entry."""
    entry = override(_head(shipped) if shipped else {}, mine or {})
    presets = entry.get("presets")
    tables = sorted(presets.items()) if isinstance(presets, dict) else []
    own = shipped is None
    return [_summary(name, entry, own=own), *(_summary(each, table, own=own, preset_of=name) for each, table in tables)]


def _summary(name: str, entry: object, *, own: bool, preset_of: str | None = None) -> ServiceSummary:
    """Return the summary of an entry that is not checked, or of a preset in it."""
    keys = entry if isinstance(entry, dict) else {}
    title, aliases = keys.get("title"), keys.get("aliases")
    return ServiceSummary(
        name=name,
        title=title if isinstance(title, str) else name,
        aliases=tuple(alias for alias in aliases if isinstance(alias, str)) if isinstance(aliases, list) else (),
        own=own,
        preset_of=preset_of,
    )


def _head(path: Path) -> dict[str, Any]:
    """Read the titles and aliases of a shipped entry; parsing its few lines is several times faster than all."""
    import tomllib

    return tomllib.loads("\n".join(HEAD.findall(path.read_text(encoding="utf-8"))))


def other_names_in(summaries: Sequence[ServiceSummary]) -> set[str]:
    """Return the aliases and presets of a service, from its summary and those of its presets."""
    aliases = {alias for summary in summaries for alias in summary.aliases}
    return aliases | {summary.name for summary in summaries if summary.preset_of}


def near_services(name: str, known: Sequence[ServiceSummary]) -> list[str]:
    """Return the services and presets with a name, alias, title or product like that, in any case.

    A name or title that fits goes alone, and so do those with a product that fits.
    """
    text = name.casefold()
    words = {word.casefold(): each.name for each in known for word in (each.title, *each.aliases, each.name)}
    if exact := words.get(text):
        return [exact]
    if fitting := [each.name for each in known if text in re.findall(r"\w{2,}", each.title.casefold())]:
        return fitting[:MOST]
    found = difflib.get_close_matches(text, words, MOST, LIKE)
    ratios = [difflib.SequenceMatcher(None, word, text).ratio() for word in found]
    good = [word for word, ratio in zip(found, ratios, strict=True) if ratio > max(ratios) - MUCH]
    return list(dict.fromkeys(words[word] for word in good))
