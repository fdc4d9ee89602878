"""The connections page of a web app, with class names that an app's own style sheet can rely on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from everyauth_cli.model import Identity
from everyauth_cli.pages.document import Style, html_document
from everyauth_cli.pages.render import css
from everyauth_cli.pages.times import format_time, utc

TITLE = "Connections"
STYLE = Style(css=css("style") + css("connections"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """A service as a row of the page; without an identity it is not connected.

    `offered` means that the user can connect it here, `ends_grant` that disconnecting it also ends the app's other
    identities of the same account.
    """

    service: str
    title: str
    offered: bool
    identity: Identity | None = None
    works: bool = False
    ends_grant: bool = False

    @property
    def state(self) -> tuple[str, str]:
        """The CSS class and the label of its state."""
        if self.identity is None:
            return "unconnected", "Not connected"
        if self.works:
            return "works", "Works"
        return "broken", "Needs to be connected again" if self.offered else "No longer works"

    @property
    def since(self) -> tuple[str, str]:
        """When it was connected, for a machine and for a person."""
        granted_at = self.identity.granted_at if self.identity else 0
        return f"{utc(granted_at):%Y-%m-%dT%H:%M:%SZ}", format_time(granted_at)

    @property
    def buttons(self) -> list[tuple[str, str]]:
        """The actions that the user has, each with its label."""
        connect = [("connect", "Connect again" if self.identity else "Connect")]
        offered = self.offered and not (self.identity and self.works)
        return connect * offered + [("disconnect", "Disconnect")] * bool(self.identity)


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A message above the connections about the last thing that the user did."""

    good: bool
    text: str


def connections_page(
    connections: Sequence[Connection], *, notice: Notice | None, url: str, csrf_token: str, style: Style
) -> str:
    """Return the page at `url`; its forms post the CSRF token."""
    return html_document(
        "connections",
        title=TITLE,
        connections=connections,
        notice=notice,
        url=url,
        csrf_token=csrf_token,
        style=style,
    )


def leaving_page(title: str, *, url: str, style: Style) -> str:
    """Return the page that is shown while the browser goes to a service."""
    return html_document("leaving", title=title, url=url, style=style)
