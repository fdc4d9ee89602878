"""The page that asks a question with a form, such as the sandbox's consent page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from everyauth_cli.pages.document import html_document, icon

_KEY = '<circle cx="18" cy="24" r="5"/><path d="M23 24h12v5M30 24v4"/>'


def form_page(
    *,
    title: str,
    text: str,
    items: Sequence[str],
    fields: Mapping[str, str],
    inputs: Sequence[tuple[str, str, str]],
    buttons: Sequence[tuple[str, str, str]],
) -> str:
    """Return a page whose form is posted to the page's own URL; every argument is plain text.

    `fields` are hidden; `inputs` are (name, label, value); `buttons` are (name, value, label), of which the Enter key
    presses the first.
    """
    heading = f"{icon('ask', _KEY)}<h1>{escape(title)}</h1>\n<p>{escape(text)}</p>\n"
    form = "".join(
        [
            *(_hidden(name, value) for name, value in fields.items()),
            *(_input(name, label, value) for name, label, value in inputs),
            '<div class="buttons">\n',
            *(_button(name, value, label) for name, value, label in buttons),
            "</div>\n",
        ],
    )
    body = f'<main>\n{heading}{_list(items)}<form method="post">\n{form}</form>\n</main>'
    return html_document(f"{title} · everyauth", body)


def _list(items: Sequence[str]) -> str:
    entries = "".join(f"<li>{escape(item)}</li>\n" for item in items)
    return f"<ul>\n{entries}</ul>\n" if items else ""


def _hidden(name: str, value: str) -> str:
    return f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">\n'


def _input(name: str, label: str, value: str) -> str:
    field = f'<input name="{escape(name)}" value="{escape(value)}" autocomplete="off" autocapitalize="none" required>'
    return f"<label>{escape(label)} {field}</label>\n"


def _button(name: str, value: str, label: str) -> str:
    return f'<button name="{escape(name)}" value="{escape(value)}">{escape(label)}</button>\n'
