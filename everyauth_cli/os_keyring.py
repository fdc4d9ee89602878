"""Where the OS keyring of a session is, and what is ours in it; imports nothing heavy, because `cli/fast` uses it."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def bus_addresses(environ: Mapping[str, str]) -> str | None:
    """The addresses of the session bus: the session's own, else those of its usual places that have one.

    A cron job or a service has no session's variables, while the user's bus is at the place that systemd gives it.
    """
    if given := environ.get("DBUS_SESSION_BUS_ADDRESS"):
        return given
    runtime = environ.get("XDG_RUNTIME_DIR")
    for directory in ([runtime] if runtime else []) + [f"/run/user/{os.geteuid()}"]:
        if is_ours(f"{directory}/bus"):
            return f"unix:path={directory}/bus"
    return None


def is_ours(path: str) -> bool:
    """Whether a file exists and belongs to this user."""
    try:
        return os.stat(path).st_uid == os.geteuid()  # noqa: PTH116 - pathlib is heavy
    except OSError:
        return False


def socket_paths(addresses: str) -> Iterator[str | bytes]:
    """The Unix sockets of a list of addresses, in its order; others cannot be reached from here.

    Raises `ValueError` for what is no list of addresses (D-Bus Specification, "Server Addresses").
    """
    for address in filter(None, addresses.split(";")):
        transport, colon, rest = address.partition(":")
        if not colon:
            raise ValueError(f"{address!r} has no transport")
        options = dict(_option(word) for word in rest.split(",")) if rest else {}
        if transport == "unix" and "path" in options:
            yield _unescaped(options["path"])
        elif transport == "unix" and "abstract" in options:
            yield b"\0" + _unescaped(options["abstract"]).encode()


def namespace_of(data_dir: str, *, usual: str | None) -> str:
    """The namespace that keeps the items of one data directory apart from those of others, however it is spelled.

    It is empty for the `usual` directory, else a short hash.
    """
    directory = os.path.realpath(data_dir)
    if usual is not None and directory == os.path.realpath(usual):
        return ""
    import hashlib

    return "@" + hashlib.sha256(directory.encode()).hexdigest()[:8]


def _option(word: str) -> tuple[str, str]:
    name, equals, value = word.partition("=")
    if not equals:
        raise ValueError(f"{word!r} has no value")
    return name, value


def _unescaped(value: str) -> str:
    if "%" not in value:
        return value
    from urllib.parse import unquote

    return unquote(value)
