"""Tells from a request's headers whether a person navigates, and at which origin the browser sees the app."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from everyauth_cli.urls import DEFAULT_PORTS, LOOPBACK_HOSTS

Header = Callable[[str], str | None]
"""Returns a header of the request by its name, in any case."""

PURPOSE_HEADERS = ("sec-purpose", "purpose", "x-purpose", "x-sec-purpose", "x-moz")
"""The headers by which browsers and scripts announce a request that no person made (Sec-Purpose: Fetch section 3.8)."""
SPECULATIVE = ("prefetch", "prerender", "preview")


def is_navigation(header: Header) -> bool:
    """Whether a person may have opened the URL; a prefetch, a script or an image shows none what comes back."""
    purposes = " ".join(header(name) or "" for name in PURPOSE_HEADERS).lower()
    is_speculative = any(word in purposes for word in SPECULATIVE)
    return not is_speculative and header("sec-fetch-mode") in (None, "navigate")


def is_browser(header: Header) -> bool:
    """Whether a browser navigates: no other program sends these headers unasked."""
    return header("sec-fetch-mode") is not None or header("upgrade-insecure-requests") is not None


def other_origin(header: Header, scheme: str, base_url: str) -> str | None:
    """Return the origin at which the browser sees the app, if it is another than that of `base_url`.

    Where a proxy hides the scheme or the port, it is taken for the right one.
    """
    seen = _first(header("x-forwarded-host")) or header("host") or ""
    forwarded = _first(header("x-forwarded-proto"))
    try:
        parts, base = urlsplit(f"{forwarded or scheme}://{seen}"), urlsplit(base_url)
        if not parts.hostname:
            return None
        if scheme == "http" and not forwarded and _may_be_https(header, parts.hostname):
            parts = parts._replace(scheme=base.scheme)
        same_port = parts.port in (None, base.port or DEFAULT_PORTS[base.scheme])
    except ValueError:
        return None
    is_same = (parts.scheme, parts.hostname) == (base.scheme, base.hostname) and same_port
    return None if is_same else f"{parts.scheme}://{parts.netloc}"


def _may_be_https(header: Header, hostname: str) -> bool:
    """Whether a proxy may have ended TLS; browsers send Sec-Fetch-Mode by https and to loopback hosts only."""
    is_plain = header("upgrade-insecure-requests") is not None and header("sec-fetch-mode") is None
    return hostname not in LOOPBACK_HOSTS and not is_plain


def _first(values: str | None) -> str:
    return (values or "").partition(",")[0].strip()
