"""The HTML document around every page, with its style sheet and its response headers."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from types import MappingProxyType

from everyauth_cli.urls import origin

HERE = Path(__file__).parent

# The authorization code must not stay in the address bar and the history (RFC 9700 section 4.3.1).
SCRIPT = 'history.replaceState(null, "", location.pathname)'


def css(name: str) -> str:
    """Read one of the style sheets in this folder."""
    return (HERE / f"{name}.css").read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """Return the source expression that allows an inline script or style (CSP 3 section 2.3.1)."""
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{digest}'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """The style sheet of a page: inline CSS, or the URL of a style sheet that replaces it."""

    css: str = ""
    url: str | None = None

    @property
    def directives(self) -> list[str]:
        """The CSP directives that allow it; a URL's host may also serve fonts and images, and no other host may."""
        if self.url is None:
            return [f"style-src {_hash(self.css)}"]
        return [f"{kind}-src {origin(self.url)}" for kind in ("style", "font", "img")]

    @property
    def element(self) -> str:
        if self.url is None:
            return f"<style>{self.css}</style>"
        return f'<link rel="stylesheet" href="{escape(self.url)}">'


STYLE = Style(css=css("style"))


def page_headers(
    form_targets: Sequence[str] = (), *, style: Style = STYLE, referrer_policy: str = "no-referrer"
) -> dict[str, str]:
    """Return the response headers of a page; `form_targets` are the URLs that its form may lead to by redirects.

    Browsers apply `form-action` to the redirects after a form's POST too (CSP 3 section 6.4.1), so a
    consent page has to name the redirect URI. Without targets the page has no form.
    """
    form_action = " ".join(["'self'", *map(origin, form_targets)]) if form_targets else "'none'"
    policy = [
        "default-src 'none'",
        *style.directives,
        f"script-src {_hash(SCRIPT)}",
        "base-uri 'none'",
        "frame-ancestors 'none'",
        f"form-action {form_action}",
    ]
    return {
        "content-type": "text/html; charset=utf-8",
        "cache-control": "no-store",
        "content-security-policy": "; ".join(policy),
        "referrer-policy": referrer_policy,
        "x-content-type-options": "nosniff",
    }


HEADERS: Mapping[str, str] = MappingProxyType(page_headers())


def html_document(title: str, body: str, *, style: Style = STYLE) -> str:
    """Return the document around a body, which is HTML; the title is plain text."""
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
{style.element}
</head>
<body>
{body}
</body>
</html>
"""


def icon(kind: str, path: str) -> str:
    """Return a circular SVG icon; `kind` is its CSS class, `path` the SVG elements inside the circle."""
    return (
        f'<svg class="mark {kind}" aria-hidden="true" width="48" height="48" viewBox="0 0 48 48" fill="none" '
        'stroke="currentColor" stroke-width="3" stroke-linecap="round" stroke-linejoin="round">'
        f'<circle cx="24" cy="24" r="24" fill="currentColor" fill-opacity=".12" stroke="none"/>{path}</svg>\n'
    )
