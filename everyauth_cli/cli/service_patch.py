"""The patch of an entry that differs from its server's metadata: TOML for the user's own file, with comments."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterator, Sequence

from everyauth_cli.flows.metadata_comparison import Difference
from everyauth_cli.flows.service_check import CheckedEntry
from everyauth_cli.sanitize import json_text, printable

COMMENT = "# "
LONGEST_VALUE = 300


def patch_lines(checked: CheckedEntry) -> Iterator[str]:
    """Yield the lines of the patch; those that must not be followed blindly are comments."""
    for one in checked.wrong:
        yield ""
        yield f"{COMMENT}{one.key}: the entry has {_shown(one.stated)}."
        yield from _lines(checked.service, one)
    if checked.lacking:
        yield ""
        yield f"{COMMENT}The entry lacks what the server publishes:"
    for one in checked.lacking:
        yield from _lines(checked.service, one)


def for_terminal(lines: Sequence[str]) -> Iterator[str]:
    """Yield the lines with comments that break between words; a key stays in one piece, so that it can be copied."""
    width = max(shutil.get_terminal_size().columns, 2 * len(COMMENT))
    for line in lines:
        if line.startswith(COMMENT):
            yield from textwrap.wrap(
                line, width, subsequent_indent=COMMENT, break_long_words=False, break_on_hyphens=False
            )
        else:
            yield line


def _lines(service: str, difference: Difference) -> Iterator[str]:
    key, found = difference.key, difference.found
    if difference.problem:
        yield f"{COMMENT}{key}: the server has {_shown(found)}, which cannot be used: {difference.problem}."
        return
    if difference.foreign_host:
        yield (
            f"{COMMENT}{difference.foreign_host} is no host of {service} that is known here: confirm it in the "
            "service's documentation before you use this line."
        )
    yield f"{COMMENT if difference.foreign_host else ''}{key} = {json_text(found, indent=None, ascii_only=True)}"


def _shown(value: object) -> str:
    return printable(json_text(value, indent=None), LONGEST_VALUE)
