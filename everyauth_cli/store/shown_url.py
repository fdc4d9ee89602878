"""A store's URL as it may be shown: without a password, and what is not understood by its scheme alone."""

from __future__ import annotations

import re
from urllib.parse import unquote

SCHEME = re.compile(r"\s*([A-Za-z][A-Za-z0-9+.-]{0,30}):")
# A password may hold anything but what ends it for libpq; all else is as strict as it can be, since what looks like
# a host or a path may be the rest of a password.
POSTGRES = re.compile(
    r"(?P<scheme>postgres(?:ql)?://)(?:(?P<user>[^:@/?#\s]*)(?P<password>:[^@/\s]*)?@)?"
    r"(?P<hosts>(?:[\w.%~-]*|\[[0-9A-Fa-f:.%]*\])(?::[0-9]*)?(?:,(?:[\w.%~-]*|\[[0-9A-Fa-f:.%]*\])(?::[0-9]*)?)*)"
    r"(?P<database>/[^@?#\s:]*)?(?:\?(?P<query>[^#\s]*))?"
)
OPTION = re.compile(r"([^=&@/]+)=([^&]*)")
PUBLIC = frozenset(
    {"host", "hostaddr", "port", "dbname", "user", "passfile", "service", "options", "application_name"}
    | {"connect_timeout", "client_encoding", "target_session_attrs", "load_balance_hosts", "channel_binding"}
    | {"sslmode", "sslcert", "sslkey", "sslrootcert", "sslcrl", "sslcrldir", "sslsni", "sslnegotiation"}
    | {"ssl_min_protocol_version", "ssl_max_protocol_version", "gssencmode", "krbsrvname", "require_auth"}
    | {"keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout"}
)
"""The options of libpq that hold no secret; no other is shown."""
SQLITE = re.compile(r"sqlite://(?:/[^?#\0]*)?")


def is_postgres(url: str) -> bool:
    """Whether it is a PostgreSQL URL whose parts are certain."""
    return _parts(url) is not None


def has_secret(url: str) -> bool:
    """Whether a PostgreSQL URL holds a password, or an option that may be one."""
    parts = _parts(url)
    return parts is not None and (bool(parts["password"]) or len(_public(parts)) < len(_options(parts)))


def shown_url(url: str) -> str:
    """Return a URL as it may be shown."""
    if re.fullmatch(r"keyring:/*", url) or SQLITE.fullmatch(url):
        return url
    if (parts := _parts(url)) is None:
        scheme = SCHEME.match(url)
        return f"{scheme[1]}:..." if scheme else "..."
    if not has_secret(url):
        return url
    public = "&".join(_public(parts))
    user, query = parts["user"] and f"{parts['user']}@", public and f"?{public}"
    return "".join(filter(None, (parts["scheme"], user, parts["hosts"], parts["database"], query)))


def _parts(url: str) -> dict[str, str | None] | None:
    match = POSTGRES.fullmatch(url)
    if match is None:
        return None
    parts = match.groupdict()
    return parts if all(map(_is_option, _options(parts))) else None


def _options(parts: dict[str, str | None]) -> list[str]:
    return parts["query"].split("&") if parts["query"] else []


def _is_option(text: str) -> bool:
    """Whether it is an option; an @ is in a user's name only, since it may be the end of a password."""
    option = OPTION.fullmatch(text)
    return option is not None and ("@" not in option[2] or unquote(option[1]) == "user")


def _public(parts: dict[str, str | None]) -> list[str]:
    password = unquote((parts["password"] or "").removeprefix(":"))
    names = {text: text.partition("=") for text in _options(parts)}
    return [
        text
        for text, (name, _, value) in names.items()
        if unquote(name) in PUBLIC and not (password and password in unquote(value))
    ]
