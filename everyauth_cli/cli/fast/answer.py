"""Answers what scripts ask for thousands of times, before anything heavy is imported, or else leaves it alone."""

from __future__ import annotations

from everyauth_cli._version import __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# What is not the usual case raises, whatever it is: nothing is printed then, and the whole path answers or explains.


def answer(args: list[str]) -> bool:
    """Whether this was such a command, and has been answered."""
    try:
        text = _text(args)
        text.encode()  # raises for half a character
        print(text)  # noqa: T201 - the terminal's module is heavy
    except Exception:  # noqa: BLE001
        return False
    return True


def _text(args: list[str]) -> str:
    match args:
        case ["--version"]:
            return f"everyauth {__version__}"
        case ["token", service]:
            return _token(service, "me")
        case ["token", service, who]:
            return _token(service, who)
        case ["identity", "get", who]:
            return _as_json(*_only_one(who))
        case ["identity", "get", service, who]:
            return _as_json(service, who, who, *_current(service, who, who))
    raise LookupError


def _token(service: str, who: str) -> str:
    _, secret = _current(service, who, who)
    return str(secret["access_token"])


def _only_one(who: str) -> tuple[str, str, str, dict[str, Any], dict[str, Any]]:
    """The key and the record of the one identity of a user."""
    import json

    from everyauth_cli.cli.fast.records import Store

    service, tenant, listed = Store().find(who)
    metadata, secret = _current(service, tenant, who)
    # The entry in the list is not shown, but has to be whole: the record says the same.
    if json.loads(listed) != metadata:
        raise LookupError
    return service, tenant, who, metadata, secret


def _current(service: str, tenant: str, who: str) -> tuple[dict[str, Any], dict[str, Any]]:
    import time

    from everyauth_cli.cli.fast.records import Store
    from everyauth_cli.flows.freshness import is_fresh

    metadata, secret = Store().read(service, tenant, who)
    whole = "refresh_token" in secret and isinstance(metadata, dict)
    fresh = is_fresh(secret["issued_at"], secret["expires_at"], now=time.time_ns() // 1_000_000)
    if not whole or not fresh or secret["login_required"] or "moved_to" in secret:
        raise LookupError
    return metadata, secret


def _as_json(service: str, tenant: str, who: str, metadata: dict[str, Any], secret: dict[str, Any]) -> str:
    import json

    from everyauth_cli.store.credential_json import credential_json

    credential = credential_json(service, tenant, who, metadata=metadata, secret=secret)
    return json.dumps(credential, indent=2, ensure_ascii=False)
