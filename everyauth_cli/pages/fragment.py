"""The connections as a part of an app's own page."""

from __future__ import annotations

from dataclasses import dataclass


class SafeHtml(str):
    """HTML that Jinja2 and Django insert as it is: both call `__html__`."""

    __slots__ = ()

    def __html__(self) -> str:
        return str(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fragment:
    """The parts that an app's template inserts: `head` in its head, `html` where the list belongs.

    `style_source` and `script_source` are the sources that allow them in a Content-Security-Policy of the app's. Where
    the page stands in place of the list (a question, an error), `title` is its heading's text.
    """

    title: str
    head: SafeHtml
    html: SafeHtml
    style_source: str
    script_source: str
