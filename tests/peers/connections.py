"""Reads the connections page over HTTP."""

from __future__ import annotations

import re

from peers.web_apps import NAME, PAGE, Browser, Response

CONNECT, DISCONNECT = f"{PAGE}/connect", f"{PAGE}/disconnect"


def form(browser: Browser, service: str = NAME) -> dict[str, str]:
    """Return the fields that the form on the page posts for a service."""
    (value,) = re.findall(r'name="csrf_token" value="([^"]+)"', browser.get(PAGE).text)
    return {"csrf_token": value, "service": service}


def confirmed(browser: Browser, service: str = NAME) -> dict[str, str]:
    """Return the fields that the form posts once the user has confirmed a disconnection."""
    return {**form(browser, service), "confirmed": "yes"}


def disconnect(browser: Browser, service: str = NAME) -> Response:
    """Disconnect a service, and confirm it."""
    question = browser.post(DISCONNECT, form(browser, service))
    fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', question.text))
    return browser.post(DISCONNECT, {**fields, "confirmed": "yes"})


def row(browser: Browser, title: str = "PagerDuty") -> str:
    """Return a service's entry on the page."""
    (entry,) = [
        entry
        for entry in browser.get(PAGE).text.split('<li class="connection ')[1:]
        if f"<bdi>{title}</bdi></h2>" in entry
    ]
    return f'class="connection {entry}'


def buttons(entry: str) -> list[str]:
    return re.findall(r'aria-label="([^"]+)"', entry)


def notices(text: str) -> list[tuple[str, str]]:
    """Return the kind and the text of each notice on a page."""
    return re.findall(r'<p class="notice (\w+)" role="status">([^<]+)</p>', text)


def policy(response: Response) -> dict[str, list[str]]:
    """Return the directives of a Content-Security-Policy."""
    parts = (directive.split() for directive in response["content-security-policy"].split(";"))
    return {name: sources for name, *sources in parts}
