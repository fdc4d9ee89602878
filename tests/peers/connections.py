"""Reads the connections page as it comes over HTTP."""

from __future__ import annotations

import re

from peers.web_apps import NAME, PAGE, Browser

CONNECT, DISCONNECT = f"{PAGE}/connect", f"{PAGE}/disconnect"


def form(browser: Browser, service: str = NAME) -> dict[str, str]:
    """What the form on the page would post for a service."""
    (value,) = re.findall(r'name="csrf_token" value="([^"]+)"', browser.get(PAGE).text)
    return {"csrf_token": value, "service": service}


def row(browser: Browser, title: str = "PagerDuty") -> str:
    """A service's entry on the page."""
    (entry,) = [entry for entry in browser.get(PAGE).text.split("<li ")[1:] if f">{title}</h2>" in entry]
    return entry.partition("</li>")[0]


def buttons(entry: str) -> list[str]:
    return re.findall(r'aria-label="([^"]+)"', entry)


def told(text: str) -> list[tuple[str, str]]:
    """The notice on a page: its kind and its words."""
    return re.findall(r'<p class="notice (\w+)" role="status">([^<]+)</p>', text)
