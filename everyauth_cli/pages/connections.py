"""The connections page of a web app, with class names that an app's own style sheet can rely on."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from everyauth_cli.model import Identity
from everyauth_cli.pages.colours import Monogram
from everyauth_cli.pages.document import SCRIPT, Style, csp_source, html_document
from everyauth_cli.pages.fragment import Fragment, SafeHtml
from everyauth_cli.pages.look import ConnectionsPage
from everyauth_cli.pages.render import css, render, script
from everyauth_cli.pages.times import format_time, utc

LOCAL_TIMES = script("times")
PAGE_SCRIPT = f"{SCRIPT}\n{LOCAL_TIMES}"
ROOT = ".connections"


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """A service as an entry of the list; without an identity it is not connected.

    `offered` means that the user can connect it here, `works` that nothing is known that would keep it from working.
    `ends_grant` means that disconnecting it also ends the app's other identities of the same account, `revocable` that
    the service revokes tokens. `scopes` are names for people, each with the scope itself.
    """

    service: str
    title: str
    offered: bool
    icon: Monogram
    purpose: str = ""
    identity: Identity | None = None
    works: bool = False
    ends_grant: bool = False
    revocable: bool = False
    scopes: Sequence[tuple[str, str]] = ()

    @property
    def state(self) -> str:
        """Its state, which is also a CSS class and the name of a text."""
        if self.identity is None:
            return "not_connected"
        if self.works:
            return "connected"
        return "login_required" if self.offered else "no_longer_works"

    @property
    def since(self) -> tuple[str, str]:
        """When it was connected, for a machine and for a person."""
        granted_at = self.identity.granted_at if self.identity else 0
        return f"{utc(granted_at):%Y-%m-%dT%H:%M:%SZ}", format_time(granted_at)

    @property
    def actions(self) -> list[str]:
        """The names of the user's actions: each is also the name of a text and the last part of a URL."""
        can_connect = self.offered and self.state != "connected"
        return ["connect"] * can_connect + ["disconnect"] * bool(self.identity)


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A message above the connections about the last thing that the user did."""

    good: bool
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """The part of a page below its heading: `template` with `values`, to be put into our page or the app's."""

    title: str
    template: str
    values: Mapping[str, Any]


def connections_list(
    connections: Sequence[Connection], *, look: ConnectionsPage, notice: Notice | None, url: str, csrf_token: str
) -> Content:
    """Return the list at `url`; its forms post the CSRF token."""
    values = {"connections": connections, "notice": notice, "url": url, "csrf_token": csrf_token}
    return Content(title=look.title, template="list", values=values)


def disconnect_question(connection: Connection, *, look: ConnectionsPage, url: str, csrf_token: str) -> Content:
    """Return the question before a disconnection, which says what ends."""
    names = ["ask_text", "ask_revoked" if connection.revocable else "ask_not_revoked"]
    names += ["ask_others"] * connection.ends_grant
    title, *ends = (look.all_texts[name].format(service=connection.title) for name in ["ask_title", *names])
    values = {"connection": connection, "ends": ends, "url": url, "csrf_token": csrf_token}
    return Content(title=title, template="question", values=values)


def whole_page(content: Content, *, look: ConnectionsPage, style: Style) -> str:
    """Return our own page with the content."""
    outer = {"list": "connections", "question": "confirm"}[content.template]
    return html_document(outer, title=content.title, style=style, script=PAGE_SCRIPT, **_words(look), **content.values)


def fragment(content: Content, *, look: ConnectionsPage, style: Style) -> Fragment:
    """Return the content for a page of the app's; where `style` has no CSS of ours, nor has the fragment."""
    inner = replace(style, css=look.variables(ROOT) + css("connections") if style.css else "")
    return Fragment(
        title=content.title,
        head=SafeHtml(render("head", style=inner) + f"<script>{LOCAL_TIMES}</script>\n"),
        html=SafeHtml(render(content.template, **_words(look), **content.values)),
        style_source=" ".join(inner.sources),
        script_source=csp_source(LOCAL_TIMES),
    )


def leaving_page(title: str, *, look: ConnectionsPage, url: str, style: Style) -> str:
    """Return the page that is shown while the browser goes to a service."""
    return html_document("leaving", service=title, url=url, style=style, **_words(look))


def page_style(look: ConnectionsPage) -> str:
    """Return the CSS of our own page."""
    return look.variables(":root") + css("style") + css("wide") + css("connections")


def readable_scope(scope: str) -> str:
    """Return a scope without the URL that some services put before it."""
    return re.sub(r"^https?://.*/(?=[^/]+/?$)", "", scope).rstrip("/") or scope


def _words(look: ConnectionsPage) -> dict[str, Any]:
    return {"texts": look.all_texts, "lang": look.lang, "direction": look.direction}
