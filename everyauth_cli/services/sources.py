"""Sources of an entry's endpoints, and the level of confidence that is computed from them."""

from __future__ import annotations

import difflib
import enum
import functools
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from everyauth_cli.model import Service

SOURCES = Path(__file__).with_name("sources.toml")
OLD = timedelta(days=366)
"""A catalogue without a commit for longer confirms nothing: services have moved since, and others have copied it."""


class Level(enum.StrEnum):
    """The confidence in an entry's endpoints."""

    DOCUMENTATION = "documentation"
    AGREED = "agreed"
    UNCONFIRMED = "unconfirmed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A public catalogue of services, and the day of the last commit in the copy that was read.

    `same_as` names a catalogue by the same authors, which is not a second source.
    """

    title: str
    url: str
    last_commit: date
    same_as: str | None = None

    def is_old(self, day: date) -> bool:
        """Whether its last commit was over a year before that day."""
        return day - self.last_commit > OLD


@functools.cache
def catalogues() -> dict[str, Source]:
    """Return the public catalogues, by the name that entries have for each."""
    import tomllib

    with SOURCES.open("rb") as file:
        return {word: Source(**about) for word, about in tomllib.load(file).items()}


def check_source(text: str) -> str:
    """Return a source after checking it: a link, or the name of a catalogue.

    Raises `ValueError` with near names.
    """
    if not is_link(text) and text not in catalogues():
        near = difflib.get_close_matches(text, catalogues(), 1)
        offer = f"did you mean {near[0]}?" if near else "the names are " + ", ".join(catalogues())
        raise ValueError(f"{text!r} is neither an https URL nor a known catalogue; {offer}")
    return text


def is_link(source: str) -> bool:
    """Whether a source is a page of the service's own, not the name of a catalogue."""
    return source.startswith("https://")


def level(service: Service) -> Level:
    """Return the confidence in a service's endpoints: from its documentation, else from catalogues that agree.

    One of the catalogues must have been current on the day when the entry was checked.
    """
    if any(map(is_link, service.sources)):
        return Level.DOCUMENTATION
    day = date.fromisoformat(service.checked) if service.checked else date.today()  # noqa: DTZ011 - a day is enough
    named = {word: catalogues()[word] for word in service.sources}
    authors = {source.same_as or word for word, source in named.items()}
    if len(authors) > 1 and not all(source.is_old(day) for source in named.values()):
        return Level.AGREED
    return Level.UNCONFIRMED
