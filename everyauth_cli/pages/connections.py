"""The connections page of a web app, with class names that an app's own style sheet can rely on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape

from everyauth_cli.model import Identity
from everyauth_cli.pages.document import SCRIPT, Style, css, html_document

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A message above the connections about the last thing that the user did."""

    good: bool
    text: str


def connections_page(
    connections: Sequence[Connection], *, notice: Notice | None, url: str, csrf_token: str, style: Style
) -> str:
    """Return the page at `url`; its forms post the CSRF token."""
    rows = "".join(_row(connection, url) for connection in connections)
    listed = f'<ul class="connections">\n{rows}</ul>' if rows else "<p>There is nothing to connect here.</p>"
    body = f"""<main>
<h1>{TITLE}</h1>
{_notice(notice) if notice else ""}<form method="post" action="{escape(url)}/connect">
<input type="hidden" name="csrf_token" value="{escape(csrf_token)}">
{listed}
</form>
</main>
<script>{SCRIPT}</script>"""
    return html_document(TITLE, body, style=style)


def _notice(notice: Notice) -> str:
    kind = "good" if notice.good else "bad"
    return f'<p class="notice {kind}" role="status">{escape(notice.text)}</p>\n'


def leaving_page(title: str, *, url: str, style: Style) -> str:
    """Return the page that is shown while the browser goes to a service."""
    heading = escape(f"Taking you to {title} …")
    body = f'<main>\n<h1>{heading}</h1>\n<p><a href="{escape(url)}">Continue if nothing happens</a></p>\n</main>'
    return html_document(TITLE, body, style=style)


def format_time(milliseconds: int) -> str:
    """Format a time (milliseconds since the epoch) to the minute, in UTC."""
    return f"{_utc(milliseconds):%Y-%m-%d %H:%M} UTC"


def _utc(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds // 1000, UTC)


def _row(connection: Connection, url: str) -> str:
    state, label = _state(connection)
    return f"""<li class="connection {state}">
<div class="about">
<h2 class="service">{escape(connection.title)}</h2>
{_account(connection)}<p class="state">{label}</p>
{_shared_grant(connection)}</div>
<div class="buttons">
{_buttons(connection, url)}</div>
</li>
"""


def _state(connection: Connection) -> tuple[str, str]:
    """Return the CSS class and the label of a connection's state."""
    if connection.identity is None:
        return "unconnected", "Not connected"
    if connection.works:
        return "works", "Works"
    return "broken", "Needs to be connected again" if connection.offered else "No longer works"


def _account(connection: Connection) -> str:
    identity = connection.identity
    if identity is None:
        return ""
    account = escape(identity.account.label) if identity.account else "Account unknown"
    machine_time, time = f"{_utc(identity.granted_at):%Y-%m-%dT%H:%M:%SZ}", format_time(identity.granted_at)
    since = f'<p class="since">Connected since <time datetime="{machine_time}">{time}</time></p>'
    return f'<p class="account">{account}</p>\n{since}\n'


def _shared_grant(connection: Connection) -> str:
    if not connection.ends_grant:
        return ""
    text = "Disconnecting also ends every other connection of this app to the same account."
    return f'<p class="note">{text}</p>\n'


def _buttons(connection: Connection, url: str) -> str:
    connected = connection.identity is not None
    connect = _button("connect", "Connect again" if connected else "Connect", connection, url)
    disconnect = _button("disconnect", "Disconnect", connection, url)
    return connect * (connection.offered and not connection.works) + disconnect * connected


def _button(action: str, label: str, connection: Connection, url: str) -> str:
    name = escape(f"{label} {connection.title}")
    attributes = f'formaction="{escape(url)}/{action}" name="service" value="{escape(connection.service)}"'
    return f'<button class="{action}" {attributes} aria-label="{name}">{label}</button>\n'
