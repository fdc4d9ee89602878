"""The look of the connections page, as an app chooses it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, get_args

from everyauth_cli.errors import UsageProblem
from everyauth_cli.pages.colours import COLOUR
from everyauth_cli.pages.fragment import Fragment
from everyauth_cli.pages.palette import Scheme, variables
from everyauth_cli.pages.texts import replaced

RIGHT_TO_LEFT = {"ar", "dv", "fa", "he", "ku", "ps", "sd", "ug", "ur", "yi"}
LENGTH = re.compile(r"0|(\d+|\d*\.\d+)(px|rem|em)")
FONT = re.compile(r"[\w\s,.'\"-]+")
LANG = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*")


@dataclass(frozen=True, kw_only=True)
class ConnectionsPage:
    """The choices of an app for its connections page. Raises `UsageProblem` for a value that cannot be used.

    - `title`: the heading and the tab's title.
    - `purposes`: for each service, what the app uses it for.
    - `scope_names`: for each scope, its name for people; others are shown as the service has them.
    - `texts`: in place of ours; `everyauth_cli.web.TEXTS` has them all. `lang` is their language (BCP 47).
    - `accent` (#rrggbb), `radius` (such as "4px") and `font` (a CSS font-family): the CSS variables --accent, --radius
      and --font. The accent is made darker or lighter where it could not be read.
    - `scheme`: "light" or "dark" where the app has only one; otherwise the visitor's.
    - `added_stylesheet`: the path or URL of a style sheet beside ours.
    - `template`: a function that is given the framework's request and a `Fragment`, and returns the whole page.
    """

    title: str = "Connections"
    purposes: Mapping[str, str] = field(default_factory=dict)
    scope_names: Mapping[str, str] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)
    lang: str = "en"
    accent: str | None = None
    radius: str | None = None
    font: str | None = None
    scheme: Scheme = "auto"
    added_stylesheet: str | None = None
    template: Callable[[Any, Fragment], str] | None = None

    def __post_init__(self) -> None:
        for name, pattern in {"accent": COLOUR, "radius": LENGTH, "font": FONT, "lang": LANG}.items():
            value = getattr(self, name)
            if value is not None and not pattern.fullmatch(value):
                raise UsageProblem(f"{name}={value!r} cannot be used: {EXPECTED[name]}")
        if self.scheme not in get_args(Scheme):
            raise UsageProblem(f'scheme={self.scheme!r} cannot be used: it is "auto", "light" or "dark"')
        replaced(self.texts)

    @cached_property
    def all_texts(self) -> Mapping[str, str]:
        return replaced(self.texts)

    @property
    def direction(self) -> str:
        """The direction of the texts, for HTML's `dir`."""
        return "rtl" if self.lang.partition("-")[0].lower() in RIGHT_TO_LEFT else "ltr"

    def variables(self, root: str) -> str:
        """Return the CSS that sets the variables on the elements of a selector."""
        shared = {"radius": self.radius, "font": self.font}
        return variables(root, scheme=self.scheme, accent=self.accent, shared=shared)


EXPECTED = {
    "accent": "it is not a colour such as #2451c7",
    "radius": "it is not a length such as 4px or .5rem",
    "font": "it is not a list of font families",
    "lang": "it is not a language tag such as en or pt-BR",
}
