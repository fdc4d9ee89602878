"""A request as it is sent: its target, header fields and content, which hold secrets."""

from __future__ import annotations

import base64
import functools
import json
from urllib.parse import quote, urlencode

from everyauth_cli._version import __version__
from everyauth_cli.model import Request, Secret
from everyauth_cli.services.rules import BodyFormat

USER_AGENT = f"everyauth/{__version__}"
"""The product that sends (RFC 9110 section 10.1.5): some services refuse what names itself after a library."""
URL_CHARACTERS = "%/:=&?~#+!$,;'@()*[]"
CONTENT_TYPES = {BodyFormat.FORM: "application/x-www-form-urlencoded", BodyFormat.JSON: "application/json"}
COMPACT = functools.partial(json.dumps, separators=(",", ":"))
"""Writes JSON without blanks; no frame of ours holds the secrets in it."""


def target(request: Request) -> Secret[str]:
    """Return the whole URL, whose end may be secret."""
    return Secret(quote(request.url + request.rest.reveal(), safe=URL_CHARACTERS))


def content(request: Request) -> Secret[bytes]:
    """Return the body: a form, JSON, or nothing."""
    if request.document:
        return Secret(COMPACT(request.document).encode())
    if not request.fields:
        return Secret(b"")
    if request.body == BodyFormat.JSON:
        return Secret(COMPACT({name: _plain(value) for name, value in request.fields.items()}).encode())
    return Secret(urlencode([(name, _plain(value)) for name, value in request.fields.items()]).encode())


def header_fields(request: Request) -> Secret[list[tuple[bytes, bytes]]]:
    """Return the header fields, those of the content and of the client's authentication included."""
    plain = {
        "User-Agent": USER_AGENT,
        "Accept": "*/*",
        "Accept-Encoding": "identity",
        # A connection that is kept for another request may be closed just as it is used again.
        "Connection": "close",
        **_content_type(request),
        **request.headers,
    }
    return Secret([(name.encode(), value.encode()) for name, value in (*plain.items(), *_authorization(request))])


def _content_type(request: Request) -> dict[str, str]:
    if not request.document and not request.fields:
        return {}
    return {"Content-Type": CONTENT_TYPES[BodyFormat.JSON if request.document else request.body]}


def _authorization(request: Request) -> list[tuple[str, str]]:
    if request.basic:
        return [
            (
                "Authorization",
                f"Basic {base64.b64encode(f'{request.basic[0]}:{request.basic[1].reveal()}'.encode()).decode()}",
            )
        ]
    return [("Authorization", f"{request.scheme} {request.bearer.reveal()}")] if request.bearer else []


def _plain(value: str | Secret[str]) -> str:
    return value.reveal() if isinstance(value, Secret) else value
