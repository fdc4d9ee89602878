"""The page that shows how something ended: a login, a request to the sandbox."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

from everyauth_cli.pages.document import SCRIPT, html_document, icon

_CHECK = '<path d="M14 24.5l7 7 13-15"/>'
_CROSS = '<path d="M17 17l14 14M31 17L17 31"/>'


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


def result_page(result: Result) -> str:
    """Return the page that shows a result."""
    sign = icon("good", _CHECK) if result.good else icon("bad", _CROSS)
    detail = f'<p class="detail">{escape(result.detail)}</p>\n' if result.detail else ""
    content = f"{sign}<h1>{escape(result.title)}</h1>\n<p>{escape(result.text)}</p>\n{detail}{_next(result)}"
    body = f"<main>\n{content}</main>\n<script>{SCRIPT}</script>"
    return html_document(f"{result.title} · everyauth", body)


def _next(result: Result) -> str:
    text = f"<p>{escape(result.next_step)}</p>\n" if result.next_step else ""
    commands = "".join(map(_command, result.command.splitlines()))
    link = '<p><a href="{}">{}</a></p>\n'.format(*map(escape, result.link)) if result.link else ""
    return f'<div class="next">\n{text}{commands}{link}</div>\n' if text or commands or link else ""


def _command(line: str) -> str:
    # Browsers break a line after any hyphen, which splits `--user`; each word is kept whole if it fits a line.
    return f"<pre>{' '.join(f'<span>{escape(word)}</span>' for word in line.split(' '))}</pre>\n"
