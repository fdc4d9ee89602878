"""A browser that logs in at the sandbox by itself: `BROWSER="python -P -m everyauth_cli.sandbox.user_agent %s"`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from html.parser import HTMLParser
from http.client import HTTPException
from typing import NamedTuple
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import ProxyHandler, Request, build_opener

from everyauth_cli.sandbox.sent_response import DEFAULT_ACCOUNT
from everyauth_cli.sanitize import printable

# The redirect server responds after the token request, which may take 30 seconds.
TIMEOUT_SECONDS = 45
MAX_PAGE_BYTES = 1024 * 1024


class Page(NamedTuple):
    """The heading of a page, and the fields of its form."""

    url: str
    heading: str
    fields: dict[str, str]


class _PageParser(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}
        self.text: dict[str, str] = {"h1": "", "title": ""}
        self._inside = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        if tag == "input":
            self.fields[attributes.get("name") or ""] = attributes.get("value") or ""
        elif tag in self.text:
            self._inside = tag

    def handle_endtag(self, tag: str) -> None:
        if tag == self._inside:
            self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.text[self._inside] += data


def log_in(url: str, *, user: str = DEFAULT_ACCOUNT, allow: bool = True) -> str:
    """Open an authorization URL, or that of a device's code, sign in as `user`, and allow or deny.

    Returns the heading of the last page.

    Raises `OSError` or `http.client.HTTPException` when there is no response.
    """
    page = _open(url)
    if page.fields.keys().isdisjoint(("transaction", "user_code")):
        return page.heading
    decision = {"user": user, "decision": "allow" if allow else "deny"}
    return _open(page.url, urlencode({**page.fields, **decision}).encode()).heading


def _open(url: str, form: bytes | None = None) -> Page:
    if not url.startswith(("http://", "https://")):
        raise OSError("Only http and https URLs can be opened.")
    opener = build_opener(ProxyHandler({}))
    request = Request(url, data=form, headers={"Sec-Fetch-Mode": "navigate"})  # noqa: S310 - its scheme is checked above
    try:
        response = opener.open(request, timeout=TIMEOUT_SECONDS)
    except HTTPError as error:
        response = error
    with response:
        parser = _PageParser()
        parser.feed(response.read(MAX_PAGE_BYTES).decode(errors="replace"))
        heading = parser.text["h1"] or parser.text["title"]
        return Page(response.url, printable(heading), parser.fields)


def main(arguments: Sequence[str] | None = None) -> int:
    """Log in once; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m everyauth_cli.sandbox.user_agent", description=__doc__)
    parser.add_argument("url", help="the authorization URL")
    parser.add_argument("--deny", action="store_true", help="deny the request")
    parser.add_argument("--user", default=DEFAULT_ACCOUNT, metavar="NAME", help="the account (default: %(default)s)")
    options = parser.parse_args(arguments)
    try:
        heading = log_in(options.url, user=options.user, allow=not options.deny)
    except (OSError, HTTPException) as error:
        heading, status = f"The page cannot be opened: {error}", 1
    else:
        status = 0
    # stdout belongs to the program that opened the browser.
    sys.stderr.write(heading + "\n")
    return status


if __name__ == "__main__":
    sys.exit(main())
