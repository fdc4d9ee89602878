"""The connections page as JSON, for a front end that draws it by itself."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from everyauth_cli.pages.connections import Connection, Notice
from everyauth_cli.web.navigation import Header
from everyauth_cli.web.routes import WebResponse

HEADERS = {
    "content-type": "application/json",
    "cache-control": "no-store",
    "vary": "accept",
    "x-content-type-options": "nosniff",
}


def wants_json(header: Header) -> bool:
    """Whether a script asks; a browser that navigates accepts HTML before all else (RFC 9110 section 12.5.1)."""
    accepted = (header("accept") or "").lower()
    return "application/json" in accepted and "text/html" not in accepted


def json_response(value: Mapping[str, Any], status: int = 200) -> WebResponse:
    return WebResponse(status=status, headers=HEADERS, body=json.dumps(value))


def connections_json(
    connections: Sequence[Connection], notice: Notice | None, *, title: str, csrf_token: str
) -> dict[str, Any]:
    """Return what the page shows, with the CSRF token to post."""
    return {
        "title": title,
        "csrfToken": csrf_token,
        "notice": {"good": notice.good, "text": notice.text} if notice else None,
        "connections": [_connection(connection) for connection in connections],
    }


def _connection(connection: Connection) -> dict[str, Any]:
    icon, identity = connection.icon, connection.identity
    return {
        "serviceId": connection.service,
        "title": connection.title,
        "purpose": connection.purpose,
        "icon": {"letters": icon.letters, "color": icon.colour, "textColor": icon.ink},
        "state": connection.state,
        "account": identity.account.label if identity and identity.account else None,
        "connectedAt": connection.since[0] if identity else None,
        "scopes": [{"name": name, "scope": scope} for name, scope in connection.scopes],
        "actions": connection.actions,
    }
