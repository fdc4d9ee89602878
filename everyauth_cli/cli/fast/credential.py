"""The credential of a fresh token, as the whole path prints it."""

from __future__ import annotations

import json
import time

from everyauth_cli.cli.fast.records import Store
from everyauth_cli.flows.freshness import is_fresh
from everyauth_cli.sanitize import json_text, visible
from everyauth_cli.store.credential_json import credential_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def access_token(service: str, who: str) -> str:
    _, secret = _current(service, who, who)
    return visible(str(secret["access_token"]))


def credential(service: str, who: str) -> str:
    return _as_json(service, who, who, *_current(service, who, who))


def credential_of_any(who: str) -> str:
    """The credential of the one identity of a user."""
    service, tenant, listed = Store().find(who)
    metadata, secret = _current(service, tenant, who)
    # The entry in the list is not shown, but has to be whole: the record says the same.
    if json.loads(listed) != metadata:
        raise LookupError
    return _as_json(service, tenant, who, metadata, secret)


def _current(service: str, tenant: str, who: str) -> tuple[dict[str, Any], dict[str, Any]]:
    metadata, secret = Store().read(service, tenant, who)
    whole = "refresh_token" in secret and isinstance(metadata, dict)
    now = time.time_ns() // 1_000_000
    fresh = is_fresh(secret["issued_at"], secret["expires_at"], secret["refresh_at"], now=now)
    if not whole or not fresh or secret["login_required"] or "moved_to" in secret or "dpop" in secret:
        raise LookupError
    return metadata, secret


def _as_json(service: str, tenant: str, who: str, metadata: dict[str, Any], secret: dict[str, Any]) -> str:
    found = credential_json(service, tenant, who, metadata=metadata, secret=secret)
    return json_text(found)
