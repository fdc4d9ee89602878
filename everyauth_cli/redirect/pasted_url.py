"""Reads a pasted redirect URL: the authorization response in it, or the reason why it cannot be one."""

from __future__ import annotations

from urllib.parse import SplitResult, parse_qsl, urlsplit

from everyauth_cli.redirect.waiter import Query
from everyauth_cli.urls import DEFAULT_PORTS, LOOPBACK_HOSTS

SURROUNDING = " \t\r\n\"'<>"
"""Characters that get copied along with a URL."""

NOT_A_URL = (
    "That is not a URL, and a code alone is not enough: paste the whole URL, starting with http; "
    "its state shows that it belongs to this login."
)
START_URL = "That is the URL to open. Log in there, then paste the URL that the browser ends at."
NO_RESPONSE = "That URL has neither a code nor an error; paste the one that the browser ends at."
INCOMPLETE = "That URL is incomplete: its state is missing. Paste all of it."


class InvalidPaste(Exception):
    """A pasted text is no authorization response; the message gives the reason, without the text."""


def read_redirect_url(text: str, *, redirect_uri: str, authorization_url: str) -> Query:
    """Return the query of a pasted redirect URL; the caller checks its state.

    Raises `InvalidPaste`.
    """
    url = _split(text.strip(SURROUNDING))
    if _location(url) != _location(urlsplit(redirect_uri)):
        if _location(url) == _location(urlsplit(authorization_url)):
            raise InvalidPaste(START_URL)
        raise InvalidPaste(f"That is another URL: this login ends at one that starts with {redirect_uri}.")
    query = parse_qsl(url.query, keep_blank_values=True)
    names = {name for name, _ in query}
    if not names & {"code", "error"}:
        raise InvalidPaste(NO_RESPONSE)
    if "state" not in names:
        raise InvalidPaste(INCOMPLETE)
    return query


def _split(text: str) -> SplitResult:
    try:
        url = urlsplit(text)
        if url.scheme in DEFAULT_PORTS and url.hostname and url.port != 0:
            return url
    except ValueError:
        pass
    raise InvalidPaste(NOT_A_URL)


def _location(url: SplitResult) -> tuple[str, str, int, str]:
    """Return scheme, host, port and path; all loopback hosts are one, since a browser may show either name."""
    host = "localhost" if url.hostname in LOOPBACK_HOSTS else url.hostname or ""
    return url.scheme, host, url.port or DEFAULT_PORTS[url.scheme], url.path or "/"
