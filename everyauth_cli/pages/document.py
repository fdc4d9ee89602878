"""The HTML document around every page, with its style sheet and its response headers."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from everyauth_cli.pages.palette import variables
from everyauth_cli.pages.render import css, render
from everyauth_cli.urls import origin

# The authorization code must not stay in the address bar and the history (RFC 9700 section 4.3.1).
SCRIPT = 'history.replaceState(null, "", location.pathname)'


class Frame(StrEnum):
    """The owner of a page: the redirect server on this computer, the sandbox, or an app."""

    computer = "computer"
    sandbox = "sandbox"
    app = "app"


def csp_source(text: str) -> str:
    """Return the source expression that allows an inline script or style (CSP 3 section 2.3.1)."""
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{digest}'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """The style of a page: inline CSS, the URLs of style sheets, or both."""

    css: str = ""
    urls: Sequence[str] = ()

    @property
    def sources(self) -> list[str]:
        """The source expressions that allow it (CSP 3 section 2.3.1)."""
        return [csp_source(self.css)] * bool(self.css) + self._hosts

    @property
    def directives(self) -> list[str]:
        """The CSP directives that allow it; a URL's host may also serve fonts and images, and no other host may."""
        others = [" ".join([f"{kind}-src", *self._hosts]) for kind in ("font", "img")] if self.urls else []
        return [" ".join(["style-src", *self.sources]), *others]

    @property
    def _hosts(self) -> list[str]:
        return list(dict.fromkeys(map(origin, self.urls)))


STYLE = Style(css=variables() + css("style"))


def page_headers(
    form_targets: Sequence[str] | None = None,
    *,
    style: Style = STYLE,
    script: str = SCRIPT,
    referrer_policy: str = "no-referrer",
) -> dict[str, str]:
    """Return the response headers of a page; `form_targets` are the URLs that its form may lead to by redirects.

    Browsers apply `form-action` to the redirects after a form's POST too (CSP 3 section 6.4.1), so a
    consent page has to name the redirect URI; a form that leads nowhere else has none. With None the page has no form.
    """
    form_action = "'none'" if form_targets is None else " ".join(["'self'", *map(origin, form_targets)])
    policy = [
        "default-src 'none'",
        *style.directives,
        f"script-src {csp_source(script)}",
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


def html_document(
    template: str,
    *,
    style: Style = STYLE,
    script: str = SCRIPT,
    lang: str = "en",
    direction: str = "ltr",
    **values: object,
) -> str:
    """Return a page made from a template, whose values are plain text; `lang` and `direction` are those of its text."""
    return render(template, style=style, script=script, lang=lang, direction=direction, **values)
