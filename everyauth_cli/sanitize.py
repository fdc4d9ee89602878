"""Makes the text of services and users fit to show: one line, no invisible characters, no secrets."""

from __future__ import annotations

import json
import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from everyauth_cli.model import Secret

# Compiled when they are first used: the fast path imports this module.
URL = r"https?://[^\s'\"<>()]+"
RUN = r"[\w~+=%-]{20,}"
LETTERS = "[A-Za-z]{32,}"
"""Matches text that looks like a token or a part of one: a long run with a digit, or more letters than a word has."""
RUN_END = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_~+=%-"
LONGEST = 4096
"""Characters of a text that are read; every message is cut to far fewer."""
CUT = "…"
SHORTEST_SECRET = 6
BLANKS = "\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
"""Blanks other than the space: Python calls them unprintable, but they are as harmless as it is."""
HIDDEN = "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0"
"""Characters that Python calls printable and that show nothing, as the variation selectors do."""


def is_visible(character: str) -> bool:
    """Whether a terminal shows a character and does nothing else: no control, no bidi mark, nothing that hides."""
    if not character.isprintable():
        return character in BLANKS
    selector = "\ufe00" <= character <= "\ufe0f" or "\U000e0100" <= character <= "\U000e01ef"
    return not selector and character not in HIDDEN


def visible(text: str) -> str:
    r"""Return a text as one line whose invisible characters are escapes such as `\u001b`."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(character if is_visible(character) else _escape(character) for character in text)


def visible_lines(text: str) -> str:
    """Return the same for a text of several lines, which may have tabs."""
    if text.isascii() and text.translate({9: None, 10: None}).isprintable():
        return text
    return "\n".join("\t".join(map(visible, line.split("\t"))) for line in text.split("\n"))


def json_text(value: Any, *, indent: int | None = 2, ascii_only: bool = False) -> str:  # noqa: ANN401 - JSON
    """Return JSON whose invisible characters are escapes, which leaves every value what it is."""
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    if text.isascii():
        # JSON escapes all controls of ASCII but the last, which no key or value of ours can do without an escape.
        return text.replace("\x7f", "\\u007f")
    return "".join(c if c == "\n" or is_visible(c) else json.dumps(c)[1:-1] for c in text)


def printable(text: str, limit: int = 300) -> str:
    """Return a text as one line of at most `limit` characters, without what a terminal does not show."""
    head = text[: max(LONGEST, 2 * limit)]
    marked = "".join(character if is_visible(character) else "\0" for character in head)
    line = " ".join(filter(None, marked.split("\0"))).strip()
    return line if len(line) <= limit and head == text else line[: limit - 1] + CUT


def without_secrets(text: str, *secrets: Secret[str] | None) -> str:
    """Replace these secrets in a text, and the beginning of one that a cut has left."""
    hidden = _long_enough(secrets)
    return _without_beginnings(_without_whole(text, hidden), hidden)


def redact(text: str, *secrets: Secret[str] | None) -> str:
    """Replace these secrets and everything that looks like a token in a service's text, and cut URLs' queries off.

    Only the beginning of a long text is kept. The time that it takes grows no faster than the text.
    """
    hidden = _long_enough(secrets)
    # Before the cut, which may leave a part of one that would not be recognised.
    text = _cut(_without_whole(text, hidden))
    text = re.sub(URL, _without_query, _without_beginnings(text, hidden))
    return re.sub(RUN, _masked, text)


def _long_enough(secrets: Sequence[Secret[str] | None]) -> list[Secret[str]]:
    return [secret for secret in secrets if secret is not None and len(secret.reveal()) >= SHORTEST_SECRET]


def _without_whole(text: str, secrets: Sequence[Secret[str]]) -> str:
    for secret in secrets:
        text = text.replace(secret.reveal(), "***")
    return text


def _without_beginnings(text: str, secrets: Sequence[Secret[str]]) -> str:
    *cut, rest = text.split(CUT)
    for secret in secrets:
        cut = [_without_beginning(part, secret) for part in cut]
    return CUT.join([*cut, rest])


def _without_beginning(text: str, secret: Secret[str]) -> str:
    # No cut of ours leaves more than this.
    longest = min(len(secret.reveal()) - 1, len(text), LONGEST)
    for length in range(longest, SHORTEST_SECRET - 1, -1):
        if text.endswith(secret.reveal()[:length]):
            return text[:-length] + "***"
    return text


def _cut(text: str) -> str:
    """Cut a text to `LONGEST`, before a run that may be a part of a token."""
    return text if len(text) <= LONGEST else text[:LONGEST].rstrip(RUN_END) + CUT


def _without_query(match: re.Match[str]) -> str:
    return match[0].partition("?")[0].partition("#")[0]


def _masked(match: re.Match[str]) -> str:
    run = match[0]
    return "***" if any(map(str.isdigit, run)) else re.sub(LETTERS, "***", run)


def _escape(character: str) -> str:
    code = ord(character)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"  # noqa: PLR2004 - the last of four digits
