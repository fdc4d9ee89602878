"""The page that shows how something ended: a login, a request to the sandbox."""

from __future__ import annotations

from dataclasses import dataclass

from everyauth_cli.pages.document import STYLE, Frame, Style, html_document


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The content of a result page; every field is plain text.

    `detail` quotes an error message, `next_step` says what to do now, `command` holds the commands to type, one a
    line, and `link` is a URL with its text.
    """

    good: bool
    title: str
    text: str
    detail: str = ""
    next_step: str = ""
    command: str = ""
    link: tuple[str, str] | None = None


def result_page(
    result: Result,
    *,
    frame: Frame = Frame.computer,
    style: Style = STYLE,
    lang: str = "en",
    direction: str = "ltr",
) -> str:
    """Return the page that shows a result; `lang` and `direction` are those of its text."""
    return html_document(
        "result", title=result.title, result=result, frame=frame, style=style, lang=lang, direction=direction
    )
