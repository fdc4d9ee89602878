"""Answers what scripts ask for thousands of times, before anything heavy is imported, or else leaves it alone."""

from __future__ import annotations

import sys

from everyauth_cli._version import __version__

# What is not the usual case raises, whatever it is: nothing is printed then, and the whole path answers or explains.


def answer(args: list[str]) -> str | None:
    """Return what such a command prints, where stdout takes it as it is."""
    try:
        text = _text(args)
        return text if text.isascii() or sys.stdout is None or sys.stdout.encoding == "utf-8" else None
    except Exception:  # noqa: BLE001
        return None


def _text(args: list[str]) -> str:
    if args == ["--version"]:
        return f"everyauth {__version__}"
    if args[:1] != ["token"] and args[:2] != ["identity", "get"]:
        raise LookupError
    from everyauth_cli.cli.fast.credential import access_token, credential, credential_of_any

    match args:
        case ["token", service]:
            return access_token(service, "me")
        case ["token", service, who]:
            return access_token(service, who)
        case ["identity", "get", who]:
            return credential_of_any(who)
        case ["identity", "get", service, who]:
            return credential(service, who)
    raise LookupError
