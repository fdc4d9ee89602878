"""Where an entry's endpoints are known from, and how far that can be believed: the level is computed, never typed."""

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
"""A catalogue without a commit for longer than this is no witness: services have moved since, and others copied it."""


class Level(enum.StrEnum):
    """How well an entry's endpoints are known."""

    DOCUMENTATION = "documentation"
    AGREED = "agreed"
    UNCONFIRMED = "unconfirmed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A public catalogue of services, and the day of the last commit in the copy that was read.

    `same_as` names the catalogue of the same house, which is not a second voice.
    """

    title: str
    url: str
    last_commit: date
    same_as: str | None = None

    def is_old(self, day: date) -> bool:
        """Whether it had been left alone for over a year on that day."""
        return day - self.last_commit > OLD


@functools.cache
def catalogues() -> dict[str, Source]:
    """The public catalogues that an entry may name, by the word that it names them with."""
    import tomllib

    with SOURCES.open("rb") as file:
        return {word: Source(**about) for word, about in tomllib.load(file).items()}


def check_source(text: str) -> str:
    """A source, checked: a link that was read, or the word of a catalogue.

    Raises `ValueError` with the words that are near.
    """
    if not is_link(text) and text not in catalogues():
        near = difflib.get_close_matches(text, catalogues(), 1)
        offer = f"did you mean {near[0]}?" if near else "the words are " + ", ".join(catalogues())
        raise ValueError(f"{text!r} is neither an https URL nor a known catalogue; {offer}")
    return text


def is_link(source: str) -> bool:
    """Whether a source is the service's own documentation or code, and not a catalogue."""
    return source.startswith("https://")


def level(service: Service) -> Level:
    """How well the endpoints of a service are known: by its own documentation, else by catalogues that agree.

    At least one of these must be current, as of the day on which the entry was checked.
    """
    if any(map(is_link, service.sources)):
        return Level.DOCUMENTATION
    day = date.fromisoformat(service.checked) if service.checked else date.today()  # noqa: DTZ011 - a day is enough
    named = {word: catalogues()[word] for word in service.sources}
    voices = {source.same_as or word for word, source in named.items()}
    if len(voices) > 1 and not all(source.is_old(day) for source in named.values()):
        return Level.AGREED
    return Level.UNCONFIRMED
