"""Rules for URLs: https or loopback, the origin, and placeholders that are filled in later."""

from __future__ import annotations

import functools
import re
from contextlib import suppress
from urllib.parse import urlsplit

REDIRECT_HOSTS = ("127.0.0.1", "localhost")
"""The loopback hosts that a redirect URI may have (RFC 8252 section 7.3)."""
LOOPBACK_HOSTS = (*REDIRECT_HOSTS, "::1")
"""Every name of the loopback interface; plain http is allowed to these hosts only."""
DEFAULT_PORTS = {"http": 80, "https": 443}
PLACEHOLDER = re.compile(r"\{([a-z][a-z0-9_]*)\}")
HOST_LABELS = re.compile(
    r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*(:[0-9]{1,5})?"
)
NUMERIC_END = re.compile(r"(?:^|\.)(?:[0-9]+|0[xX][0-9A-Fa-f]*)$")
"""The end of a host that a resolver reads as an IPv4 address, in short or other bases too."""
IPV4 = re.compile(r"(?:(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])(?:\.(?!$)|$)){4}")
NOT_IN_SLUG, SLUG_LENGTH = re.compile(r"[^a-z0-9]+"), 48
ORIGINS_KEPT = 1024
"""More than there are URLs of services in use: a refresh compares all of its service's."""
SECOND_LEVEL = ("ac", "co", "com", "edu", "go", "gov", "ne", "net", "or", "org")
"""The labels below a country's own under which names are registered."""
PRINTABLE_ASCII = re.compile(r"[!-~]+")
PLAIN_URL = re.compile(r"https://(?:[a-z0-9]+(?:-+[a-z0-9]+)*\.)+[a-z](?:-*[a-z0-9])*(?:[/?][!-\"$-z|~]*)?")
"""A URL as almost all are: no port, no upper case in the host, no address. It needs no other check."""


def check_url(url: str) -> str:
    """Return an endpoint's URL after checking it: https, or http on a loopback host; no user, no fragment.

    RFC 6749 section 3.1 forbids the fragment. Raises `ValueError` with the reason.
    """
    if PLAIN_URL.fullmatch(url) is None:
        check_each_part(url)
    return url


def check_each_part(url: str) -> None:
    """Check the parts of an endpoint's URL, whatever it looks like; see `check_url`."""
    parts = urlsplit(url)
    name = parts.hostname
    if parts.scheme not in ("https", "http") or not name:
        raise ValueError("it is not an https URL")
    if has_placeholder(url):
        raise ValueError("it has braces, which nothing fills in here")
    if not name.isascii():
        raise ValueError("its host is not ASCII; the DNS writes such a host as xn--...")
    if not PRINTABLE_ASCII.fullmatch(url) or not _is_host(name) or (port := parts.port) == 0:
        raise ValueError("it is not a URL")
    if parts.scheme == "http" and not is_loopback(url):
        raise ValueError("plain http would show secrets to the network; use https (http is for loopback hosts)")
    if "@" in parts.netloc:
        raise ValueError("it has a user name or a password")
    if "#" in url:
        raise ValueError("it has a fragment")
    if parts.netloc.lower() != _authority(name, port):
        raise ValueError("its host or port is not written in the usual way")


def check_link(url: str) -> str:
    """Return the URL of a page for people after checking it: it may lead to a section. Raises `ValueError`."""
    check_url(url.partition("#")[0])
    return url


def check_template(url: str) -> str:
    """Return a URL with placeholders after checking it as it will be once they are filled in.

    Raises `ValueError` with the reason.
    """
    check_url(PLACEHOLDER.sub("x", url))
    return url


def has_placeholder(url: str) -> bool:
    """Whether a placeholder is left in a URL, which must not be sent anything then."""
    # No URL holds a brace that is not percent-encoded (RFC 3986 section 2).
    return "{" in url or "}" in url


def fault_of(url: str, *, found_from: str) -> str:
    """Return why nothing may be sent to a URL that a server named, or an empty text; see `check_url`.

    Only a server on this machine may send requests to this machine.
    """
    try:
        return "it leads to this machine" if is_loopback(check_url(url)) and not is_loopback(found_from) else ""
    except ValueError as error:
        return str(error)


def is_url(name: str) -> bool:
    """Whether the name of a service is the URL of a server, of which the catalogue knows nothing."""
    return "://" in name


def without_user(url: str) -> str:
    """Return a URL for a message about it, which shows no password that was typed in it."""
    return re.sub(r"//[^/?#]*@", "//***@", url)


def url_meant(name: str) -> list[str]:
    """Return the URL of a server that was named without a whole scheme, as a browser would complete it, or nothing."""
    host_and_path = re.sub(r"^https?:/?(?=[^/])", "", name)
    host = host_and_path.partition("/")[0].partition(":")[0]
    if "." not in host and host != "localhost":
        return []
    url = f"https://{host_and_path}"
    with suppress(ValueError):
        return [check_url(f"http://{host_and_path}" if is_loopback(url) else url)]
    return []


def same_server(url: str) -> str:
    """Return a URL as it names a server in the store: the origin as browsers write it, and no slash alone behind it.

    Raises `ValueError` as `check_url` does.
    """
    parts = urlsplit(check_url(url))
    query = f"?{parts.query}" if parts.query else ""
    path = "" if parts.path == "/" and not query else parts.path
    return f"{origin(url)}{path}{query}"


def slug(name: str) -> str:
    """Return a name for files and redirect paths: a URL's host and path with six digits of its hash, else the name."""
    if not is_url(name):
        return name
    import hashlib  # not at start-up

    words = NOT_IN_SLUG.sub("-", name.partition("://")[2].lower()).strip("-")[:SLUG_LENGTH]
    return f"{words}-{hashlib.sha256(name.encode()).hexdigest()[:6]}"


def is_loopback(url: str) -> bool:
    """Whether a URL leads to this machine."""
    return host(url) in LOOPBACK_HOSTS


def host(url: str) -> str:
    """Return the host of a URL in lower case, without its port; empty when it has none."""
    return urlsplit(url).hostname or ""


@functools.lru_cache(ORIGINS_KEPT)
def origin(url: str) -> str:
    """Return the origin of a URL as browsers write it (RFC 6454 section 6.2)."""
    parts = urlsplit(url)
    port = None if parts.port == DEFAULT_PORTS.get(parts.scheme) else parts.port
    return f"{parts.scheme}://{_authority(parts.hostname or '', port)}"


def domain(name: str) -> str:
    """Return the registrable domain of a host, near enough to point out a host that is not the owner's.

    It is the last two labels, or three below a country's second level such as co.uk; an address is its own.
    """
    labels = name.split(".")
    if IPV4.fullmatch(name) or len(labels) <= 2:  # noqa: PLR2004
        return name
    below_country = len(labels[-1]) == len("uk") and labels[-2] in SECOND_LEVEL
    return ".".join(labels[-3 if below_country else -2 :])


def _authority(name: str, port: int | None) -> str:
    name = f"[{name}]" if ":" in name else name
    return name if port is None else f"{name}:{port}"


def _is_host(name: str) -> bool:
    if HOST_LABELS.fullmatch(name) is None:
        return name == "::1"
    return NUMERIC_END.search(name) is None or IPV4.fullmatch(name) is not None
