"""The CSS variables of the pages, for light and dark schemes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from everyauth_cli.pages.colours import ink_on, readable
from everyauth_cli.pages.render import css

Scheme = Literal["auto", "light", "dark"]
"""The scheme of a page; "auto" is the visitor's."""
CARDS = {"light": "#ffffff", "dark": "#1c2028"}
"""The colour behind a link in the accent's colour: --card of the style sheets."""


def variables(
    root: str = ":root", *, scheme: Scheme = "auto", accent: str | None = None, shared: Mapping[str, str | None] = {}
) -> str:
    """Return the CSS that sets the variables on the elements of the selector `root`; `shared` are those of any scheme.

    The accent (#rrggbb) is made darker or lighter where it could not be read.
    """
    own = "".join(f" --{name}: {value};" for name, value in shared.items() if value)
    first = "light" if scheme == "auto" else scheme
    schemes = "light dark" if scheme == "auto" else scheme
    rules = f"{root} {{ color-scheme: {schemes}; {css('shared').strip()}{own} {_colours(first, accent)} }}\n"
    if scheme == "auto":
        rules += f"@media (prefers-color-scheme: dark) {{ {root} {{ {_colours('dark', accent)} }} }}\n"
    return rules


def _colours(scheme: str, accent: str | None) -> str:
    if accent is None:
        return css(scheme).strip()
    shown = readable(accent.lower(), CARDS[scheme])
    return f"{css(scheme).strip()} --accent: {shown}; --accent-text: {ink_on(shown)};"
