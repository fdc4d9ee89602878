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

    `style_source` and `script_source` are the sources that allow them in the app's own Content-Security-Policy.
    `title` is the text for a heading, which `html` has none of: that of the list, or the question before a
    disconnection.
    """

    title: str
    head: SafeHtml
    html: SafeHtml
    style_source: str
    script_source: str
