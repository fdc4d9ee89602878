"""The start page of a login, which leads one browser to the service, so that no command line holds the state."""

from __future__ import annotations

import secrets
import threading
from email.message import Message
from http.cookies import CookieError, SimpleCookie

from everyauth_cli.pages.result import Result

COOKIE = "everyauth-start"
COOKIE_SECONDS = 600

OPENED_BEFORE = Result(
    good=False,
    title="This page was opened before",
    text="A program other than this browser opened it first, so the login was stopped. Nothing was stored.",
    next_step="Start the login again, in the terminal.",
)


class StartPage:
    """A page that redirects one browser to `url`; other users may read its path in the process list, but not the URL.

    The browser that comes first is known by a cookie when it comes again.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.path = f"/start/{secrets.token_urlsafe(16)}"
        self._mark = secrets.token_urlsafe(16)
        self._is_used = False
        self._lock = threading.Lock()

    @property
    def cookie(self) -> str:
        """The value of the header Set-Cookie (RFC 6265 section 4.1)."""
        return f"{COOKIE}={self._mark}; Path={self.path}; Max-Age={COOKIE_SECONDS}; HttpOnly; SameSite=Lax"

    def opens_for(self, headers: Message) -> bool:
        """Whether a request is the first, or of the browser that was first."""
        with self._lock:
            is_first, self._is_used = not self._is_used, True
        return is_first or secrets.compare_digest(_cookie(headers.get("Cookie") or "").encode(), self._mark.encode())


def is_ahead_of_user(headers: Message) -> bool:
    """Whether a browser asks before its user does, to have the page ready."""
    purposes = (headers.get(name) or "" for name in ("Sec-Purpose", "Purpose", "X-Purpose", "X-Moz"))
    return any(word in purpose.lower() for purpose in purposes for word in ("prefetch", "prerender", "preview"))


def _cookie(header: str) -> str:
    try:
        morsel = SimpleCookie(header).get(COOKIE)
    except CookieError:
        return ""
    return morsel.value if morsel else ""
