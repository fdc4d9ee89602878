"""Finds the proxy for one URL in the environment's variables, and reads nothing of those that do not concern it."""

from __future__ import annotations

import importlib.util
import ipaddress
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, unquote, urlsplit

from everyauth_cli.errors import ServiceUnreachable
from everyauth_cli.model import Secret
from everyauth_cli.settings import proxy_variables
from everyauth_cli.urls import DEFAULT_PORTS, is_loopback

SCHEMES = {"http": "http", "https": "https", "socks": "socks5", "socks5": "socks5", "socks5h": "socks5h"}
"""The schemes of proxies; `socks` is what desktop settings write for SOCKS 5. All of them resolve names themselves."""
PROXY_PORTS = {**DEFAULT_PORTS, "socks5": 1080, "socks5h": 1080}
SCHEME = re.compile(r"[a-z][a-z0-9+.-]{0,19}")
HOST = re.compile(r"[!-~]+")
IN_SYSTEM_SETTINGS = sys.platform in ("darwin", "win32")
"""Whether the system keeps proxies elsewhere than in the environment."""
SEPARATORS = re.compile(r"[,;\s]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """A proxy and the variable that names it; `url` has no user and no password, so that it may be shown."""

    url: str
    variable: str
    user: tuple[str, Secret[str]] | None = None

    @property
    def is_socks(self) -> bool:
        return self.url.startswith("socks")


def _has_socks() -> bool:
    return importlib.util.find_spec("socksio") is not None


def used_proxy(url: str) -> Proxy | None:
    """Return the proxy through which this process requests a URL; raises as `proxy_for` does."""
    return proxy_for(url, _variables())


def _variables() -> Mapping[str, str]:
    found = proxy_variables()
    if found or not IN_SYSTEM_SETTINGS:
        return found
    from urllib.request import getproxies  # an HTTP client, which takes long to import

    return getproxies()


def proxy_for(url: str, variables: Mapping[str, str], *, has_socks: Callable[[], bool] = _has_socks) -> Proxy | None:
    """Return the proxy through which a URL is requested, None when it is requested directly.

    `variables` have names in lower case, without `_proxy`.
    This machine is never reached through a proxy. Raises `ServiceUnreachable` for a proxy that cannot be used.
    """
    parts = urlsplit(url)
    name = next((each for each in (parts.scheme, "all") if variables.get(each, "").strip()), None)
    if name is None or is_loopback(url) or is_exempt(parts, variables.get("no", "")):
        return None
    found = _proxy(variables[name].strip(), f"{name.upper()}_PROXY", str(parts.hostname))
    if found.is_socks and not has_socks():
        message = f"the proxy of {found.variable} cannot be used: SOCKS needs an extra that is not installed"
        hint = f"pip install 'everyauth-cli[socks]', or exempt the host: NO_PROXY={parts.hostname}"
        raise ServiceUnreachable(message, hint=hint)
    return found


def is_exempt(parts: SplitResult, exemptions: str) -> bool:
    """Whether `NO_PROXY` exempts a URL; a word in it that makes no sense exempts nothing."""
    host, port = (parts.hostname or "").rstrip("."), parts.port or DEFAULT_PORTS.get(parts.scheme)
    return any(_covers(word.lower(), host, str(port)) for word in SEPARATORS.split(exemptions) if word)


def _covers(word: str, host: str, port: str) -> bool:
    """Whether a word of `NO_PROXY` means a host: `*`, a name and all below it, an address, a network, with a port."""
    if word == "*":
        return True
    if word == "<local>":
        return not set(host) & set(".:")
    name, expected_port = _split(word)
    if expected_port not in ("", port):
        return False
    address = _address(host)
    if address is None:
        name = name.partition("/")[0].removeprefix("*").strip(".")
        return bool(name) and (host == name or host.endswith(f".{name}"))
    try:
        network = ipaddress.ip_network(name.partition("%")[0] if "/" not in name else name, strict=False)
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return address in network or (mapped is not None and mapped in network)


def _split(word: str) -> tuple[str, str]:
    """Return the host and the port of a word of `NO_PROXY`; the port is empty where none is named."""
    word = word.partition("://")[2].partition("/")[0] if "://" in word else word
    if word.startswith("["):
        name, _, rest = word[1:].partition("]")
        return (f"{name}{rest}", "") if rest.startswith("/") else (name, rest.removeprefix(":"))
    name, _, port = word.partition(":")
    return (word, "") if ":" in port else (name, port)


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _proxy(value: str, variable: str, host: str) -> Proxy:
    scheme, separator, rest = value.partition("://")
    scheme, rest = (scheme.lower(), rest) if separator else ("http", value)
    if scheme not in SCHEMES:
        kind = scheme if SCHEME.fullmatch(scheme) else "nameless"
        raise _unusable(variable, host, f"{kind} proxies are not supported ({', '.join(SCHEMES)} are)")
    # A password may hold any character that should have been percent-encoded.
    user, _, place = rest.rpartition("@")
    shown, port = _host_and_port(re.split("[/?#]", place)[0])
    if not shown:
        raise _unusable(variable, host, "its host or port is none")
    name, _, password = user.partition(":")
    return Proxy(
        url=f"{SCHEMES[scheme]}://{f'[{shown}]' if ':' in shown else shown}:{port or PROXY_PORTS[SCHEMES[scheme]]}",
        variable=variable,
        user=(unquote(name), Secret(unquote(password))) if user else None,
    )


def _host_and_port(place: str) -> tuple[str, int | None]:
    """Return the host and the port of a proxy; the host is empty where they cannot be used."""
    try:
        parts = urlsplit(f"//{place}")
        name, port = parts.hostname or "", parts.port
    except ValueError:
        # Its message has the port, which is a password where the host was forgotten.
        return "", None
    return (name if HOST.fullmatch(name) and (":" not in name or "[" in place) else ""), port


def _unusable(variable: str, host: str, reason: str) -> ServiceUnreachable:
    message = f"the proxy of {variable} cannot be used: {reason}"
    return ServiceUnreachable(message, hint=f"correct {variable}, or exempt the host: NO_PROXY={host}")
