"""A key of a catalogue entry."""

from __future__ import annotations

from dataclasses import dataclass

from everyauth_cli.services.values import Reader


@dataclass(frozen=True, slots=True)
class Key:
    """One key of an entry; its `field` in `Service` is named like it, unless it is given as `part.field`."""

    reader: Reader
    help: str
    field: str = ""
    example: str = ""
