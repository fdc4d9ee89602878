"""The HTML of the connections page, with class names that an app's own style sheet can rely on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape

from everyauth_cli.model import Identity
from everyauth_cli.pages.document import SCRIPT, STYLE, Look, shell

TITLE = "Connections"
EXTRA = """
body { align-items: start; }
main { max-width: 44rem; margin-top: min(6vh, 3rem); }
h1 { font-size: clamp(1.125rem, 6vw, 1.5rem); }
form > :last-child { margin-bottom: 0; }
.notice { margin: 1rem 0 0; padding: .75rem 1rem; border: 1px solid; border-left-width: .375rem; border-radius: .5rem; }
.notice.good { border-color: var(--good); }
.notice.bad { border-color: var(--bad); }
.connections { display: block; margin: 1.25rem 0 0; }
.connection { display: flex; flex-wrap: wrap; align-items: center; gap: .875rem 1.5rem; padding: 1.25rem 0; border: 0;
  border-top: 1px solid var(--line); border-radius: 0; background: none; font: inherit; }
.about { flex: 1 1 16rem; min-width: 0; }
.about > * { margin: 0; }
.service { font-size: 1.0625rem; font-weight: 650; line-height: 1.4; }
.state { display: flex; align-items: center; gap: .5rem; color: var(--soft); font-size: .875rem; }
.state::before { content: ""; flex: none; width: .5rem; height: .5rem; border: .125rem solid; border-radius: 50%; }
.works .state { color: var(--good); }
.works .state::before { background: currentcolor; }
.broken .state { color: var(--bad); font-weight: 600; }
.since, .note { color: var(--soft); font-size: .875rem; }
.connection .buttons { flex: 0 1 auto; }
.connection button { flex: 1 1 auto; padding-inline: min(.875rem, 3vw); }
.connection button { border-color: var(--soft); background: var(--card); color: var(--text); }
.connection .connect { border-color: var(--accent); background: var(--accent); color: var(--accent-text); }
.connection:last-child { padding-bottom: 0; }
@media (max-width: 34rem) { .connection .buttons { flex: 1 0 100%; } }
"""
LOOK = Look(style=STYLE + EXTRA)


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """A service as a user has it: not connected where there is no identity.

    `offered` says that it can be connected here, `ends_grant` that others of the same account end with it.
    """

    service: str
    title: str
    offered: bool
    identity: Identity | None = None
    works: bool = False
    ends_grant: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What has just become of a connection."""

    good: bool
    text: str


def connections_page(
    connections: Sequence[Connection], *, notice: Notice | None, url: str, form: str, look: Look
) -> str:
    """The page at `url`; `form` is what its POSTs have to bring back."""
    rows = "".join(_row(connection, url) for connection in connections)
    listed = f'<ul class="connections">\n{rows}</ul>' if rows else "<p>There is nothing to connect here.</p>"
    body = f"""<main>
<h1>{TITLE}</h1>
{_told(notice) if notice else ""}<form method="post" action="{escape(url)}/connect">
<input type="hidden" name="form" value="{escape(form)}">
{listed}
</form>
</main>
<script>{SCRIPT}</script>"""
    return shell(TITLE, body, look=look)


def _told(notice: Notice) -> str:
    kind = "good" if notice.good else "bad"
    return f'<p class="notice {kind}" role="status">{escape(notice.text)}</p>\n'


def leaving_page(title: str, *, url: str, look: Look) -> str:
    """What is seen for as long as the browser takes to get to a service."""
    words = escape(f"Taking you to {title} …")
    body = f'<main>\n<h1>{words}</h1>\n<p><a href="{escape(url)}">Go on, if nothing happens</a></p>\n</main>'
    return shell(TITLE, body, look=look)


def moment(milliseconds: int) -> str:
    """A moment (milliseconds since the epoch) to the minute, in UTC."""
    return f"{_utc(milliseconds):%Y-%m-%d %H:%M} UTC"


def _utc(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds // 1000, UTC)


def _row(connection: Connection, url: str) -> str:
    state, words = _state(connection)
    return f"""<li class="connection {state}">
<div class="about">
<h2 class="service">{escape(connection.title)}</h2>
{_whose(connection)}<p class="state">{words}</p>
{_note(connection)}</div>
<div class="buttons">
{_buttons(connection, url)}</div>
</li>
"""


def _state(connection: Connection) -> tuple[str, str]:
    """The class of a connection and the words for it."""
    if connection.identity is None:
        return "unconnected", "Not connected"
    if connection.works:
        return "works", "Works"
    return "broken", "Has to be connected again" if connection.offered else "No longer works"


def _whose(connection: Connection) -> str:
    identity = connection.identity
    if identity is None:
        return ""
    account = escape(identity.account.label) if identity.account else "The account is not known"
    at, shown = f"{_utc(identity.granted_at):%Y-%m-%dT%H:%M:%SZ}", moment(identity.granted_at)
    since = f'<p class="since">Connected since <time datetime="{at}">{shown}</time></p>'
    return f'<p class="account">{account}</p>\n{since}\n'


def _note(connection: Connection) -> str:
    if not connection.ends_grant:
        return ""
    words = "Disconnecting also ends any other connection of this app to the same account."
    return f'<p class="note">{words}</p>\n'


def _buttons(connection: Connection, url: str) -> str:
    known = connection.identity is not None
    connect = _button("connect", "Connect again" if known else "Connect", connection, url)
    disconnect = _button("disconnect", "Disconnect", connection, url)
    return connect * (connection.offered and not connection.works) + disconnect * known


def _button(action: str, label: str, connection: Connection, url: str) -> str:
    name = escape(f"{label} {connection.title}")
    target = f'formaction="{escape(url)}/{action}" name="service" value="{escape(connection.service)}"'
    return f'<button class="{action}" {target} aria-label="{name}">{label}</button>\n'
