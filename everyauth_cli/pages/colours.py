"""Colours as #rrggbb: their contrast (WCAG 2 section 1.4.3), and the icon of a service."""

from __future__ import annotations

import colorsys
import hashlib
import re
from typing import NamedTuple

COLOUR = re.compile(r"#[0-9a-f]{6}", re.IGNORECASE)
WHITE, BLACK = "#ffffff", "#000000"
READABLE = 4.5
"""The least contrast of text."""
VISIBLE = 3
"""The least contrast of the parts of a picture."""
STEPS = 20
DARKEST_LINEAR = 0.04045
"""Up to this part of a colour, sRGB is linear."""


class Monogram(NamedTuple):
    """A service's icon: one or two letters in `ink` on `colour`."""

    letters: str
    colour: str
    ink: str


def monogram(title: str, colour: str | None) -> Monogram:
    """Return a service's icon; without a colour of its own it has one made from its title."""
    words = [word for word in re.findall(r"\w+", title) if word[0].isalpha()] or [title[:1] or "?"]
    letters = "".join(word[0].upper() for word in words[:2])
    own = colour or _made_from(title)
    return Monogram(letters, own, ink_in(own))


def ink_in(colour: str) -> str:
    """Return white where the letters of an icon can be seen in it (WCAG 2 section 1.4.11), otherwise black."""
    return WHITE if contrast(WHITE, colour) >= VISIBLE else BLACK


def ink_on(colour: str) -> str:
    """Return black or white, whichever reads better on a colour; one of them always has a contrast over 4.5."""
    return max(WHITE, BLACK, key=lambda ink: contrast(ink, colour))


def readable(colour: str, on: str) -> str:
    """Return the colour, or the shade or tint nearest to it that can be read on another."""
    end = ink_on(on)
    mixed = (_mixed(colour, end, step / STEPS) for step in range(STEPS + 1))
    return next(shade for shade in mixed if contrast(shade, on) >= READABLE)


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours, from 1 to 21."""
    dark, light = sorted(map(_luminance, (one, other)))
    return (light + 0.05) / (dark + 0.05)


def _made_from(title: str) -> str:
    hue = hashlib.sha256(title.encode()).digest()[0] / 256
    return _hex(*colorsys.hls_to_rgb(hue, 0.4, 0.45))


def _luminance(colour: str) -> float:
    linear = [part / 12.92 if part <= DARKEST_LINEAR else ((part + 0.055) / 1.055) ** 2.4 for part in _parts(colour)]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def _mixed(colour: str, end: str, share: float) -> str:
    pairs = zip(_parts(colour), _parts(end), strict=True)
    return _hex(*(one + (other - one) * share for one, other in pairs))


def _parts(colour: str) -> list[float]:
    return [part / 255 for part in bytes.fromhex(colour.removeprefix("#"))]


def _hex(*parts: float) -> str:
    return "#" + bytes(round(part * 255) for part in parts).hex()
