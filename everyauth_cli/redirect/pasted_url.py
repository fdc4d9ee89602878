"""Reads a pasted redirect URL: the answer that it carries, or why it is not the address that a login ends at."""

from __future__ import annotations

from urllib.parse import SplitResult, parse_qsl, urlsplit

from everyauth_cli.redirect.waiter import Query
from everyauth_cli.urls import DEFAULT_PORTS, LOOPBACK_HOSTS

AROUND = " \t\r\n\"'<>"

NO_ADDRESS = (
    "That is no address, and a code alone is not enough: paste the whole address, from http on; "
    "its state shows that it belongs to this login."
)
BEGINNING = "That is the address to open; paste the one that the browser ends at, once you have logged in there."
NO_ANSWER = "That address holds no answer, neither a code nor an error; paste the one that the browser ends at."
CUT = "That address was cut: its state is missing. Paste the whole of it."


class NotTheAnswer(Exception):
    """A pasted text cannot be the answer; says why, and nothing of what was pasted."""


def read_redirect_url(text: str, *, redirect_uri: str, authorization_url: str) -> Query:
    """The query of a pasted redirect URL; whether its state is ours remains to be seen.

    Raises `NotTheAnswer`.
    """
    url = _split(text.strip(AROUND))
    if _place(url) != _place(urlsplit(redirect_uri)):
        if _place(url) == _place(urlsplit(authorization_url)):
            raise NotTheAnswer(BEGINNING)
        raise NotTheAnswer(f"That is another address: this login ends at one that begins with {redirect_uri}.")
    query = parse_qsl(url.query, keep_blank_values=True)
    names = {name for name, _ in query}
    if not names & {"code", "error"}:
        raise NotTheAnswer(NO_ANSWER)
    if "state" not in names:
        raise NotTheAnswer(CUT)
    return query


def _split(text: str) -> SplitResult:
    try:
        url = urlsplit(text)
        if url.scheme in DEFAULT_PORTS and url.hostname and url.port != 0:
            return url
    except ValueError:
        pass
    raise NotTheAnswer(NO_ADDRESS)


def _place(url: SplitResult) -> tuple[str, str, int, str]:
    """Where a URL leads, whatever it carries; a browser may show either name of the loopback interface."""
    host = "localhost" if url.hostname in LOOPBACK_HOSTS else url.hostname or ""
    return url.scheme, host, url.port or DEFAULT_PORTS[url.scheme], url.path or "/"
