"""The page that asks a question with a form, such as the sandbox's consent page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from everyauth_cli.pages.document import Frame, html_document


def form_page(
    *,
    title: str,
    text: str,
    items: Sequence[str],
    fields: Mapping[str, str],
    inputs: Sequence[tuple[str, str, str]],
    buttons: Sequence[tuple[str, str, str]],
    frame: Frame = Frame.computer,
) -> str:
    """Return a page whose form is posted to the page's own URL; every argument is plain text.

    `fields` are hidden; `inputs` are (name, label, value); `buttons` are (name, value, label), of which the Enter key
    presses the first.
    """
    return html_document(
        "form", title=title, text=text, items=items, fields=fields, inputs=inputs, buttons=buttons, frame=frame
    )
