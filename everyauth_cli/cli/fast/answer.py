"""Answers what scripts ask for thousands of times, before anything heavy is imported, or else leaves it alone."""

from __future__ import annotations

from everyauth_cli._version import __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# What this, hot_store.py and hot_keyring.py do stands a second time, and explained, in settings, store and refresh.
# What is not the usual case raises, whatever it is: nothing is printed then, and the whole path answers or explains.
ONLY_IN_VAULT = {"version", "token", "refreshing_since"}


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
            return str(_credential(service, "me")["accessToken"])
        case ["token", service, who]:
            return str(_credential(service, who)["accessToken"])
        case ["identity", "get", who]:
            return _as_json(_credential_of_any(who))
        case ["identity", "get", service, who]:
            return _as_json(_credential(service, who))
    raise LookupError


def _as_json(credential: dict[str, Any]) -> str:
    import json

    return json.dumps(credential, indent=2, ensure_ascii=False)


def _credential(service: str, who: str) -> dict[str, Any]:
    from everyauth_cli.cli.fast.records import Store

    return _shown(_current(Store().read(service, who, who)), service, who, who)


def _credential_of_any(who: str) -> dict[str, Any]:
    import json

    from everyauth_cli.cli.fast.records import Store

    store = Store()
    service, tenant, public = store.find(who)
    content = _current(store.read(service, tenant, who))
    # What the index says is not shown, but has to be whole: the record says the same.
    if json.loads(public) != {name: value for name, value in content.items() if name not in ONLY_IN_VAULT}:
        raise LookupError
    return _shown(content, service, tenant, who)


def _current(secret: str) -> dict[str, Any]:
    import json
    import time

    from everyauth_cli.flows.freshness import is_fresh

    content: dict[str, Any] = json.loads(secret)
    token, expires_at = content["token"], content["expires_at"]
    now = time.time_ns() // 1_000_000
    fresh = is_fresh(token["issued_at"], expires_at, content.get("refresh_at"), now=now)
    whole = "version" in content and "refresh_token" in token
    if not fresh or not whole or content["login_required"] is not None or content.get("moved_to"):
        raise LookupError
    return content


def _shown(content: dict[str, Any], service: str, tenant: str, who: str) -> dict[str, Any]:
    token, expires_at = content["token"], content["expires_at"]
    native = {**token["native"], "timestamp": token["issued_at"]}
    if expires_at is not None:
        native["expires_at"] = expires_at
    native["access_token"] = str(token["access_token"])
    about = {
        "serviceId": service,
        "identityId": str(content["id"]),
        "tags": {"userId": who, "tenantId": tenant, **content["tags"]},
        "account": content["account"] or None,
    }
    return {"accessToken": native["access_token"], "native": native, "everyauth": about}
