"""Renders the templates of the pages, which escape by themselves."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).parent / "templates"


def render(template: str, **values: object) -> str:
    """Return a page as HTML; every value is plain text, or holds plain text."""
    return _environment().get_template(f"{template}.html").render(values)


def css(name: str) -> str:
    """Read one of the style sheets beside the templates."""
    return (TEMPLATES / f"{name}.css").read_text(encoding="utf-8")


def script(name: str) -> str:
    """Read one of the scripts beside the templates."""
    return (TEMPLATES / f"{name}.js").read_text(encoding="utf-8")


@functools.cache
def _environment() -> Environment:
    # Most commands and most requests show no page, and it takes as long to import as all of ours.
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
