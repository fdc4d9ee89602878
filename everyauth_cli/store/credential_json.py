"""A credential in the JSON shape of the original library; imports nothing heavy, because `cli/fast` uses it."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any


def credential_json(
    service: str, tenant: str, user: str, *, metadata: Mapping[str, Any], secret: Mapping[str, Any]
) -> dict[str, Any]:
    """The credential of an identity's key, from both parts of its record. Raises `LookupError`, `TypeError`."""
    return {
        "accessToken": str(secret["access_token"]),
        "native": native_json(secret),
        "everyauth": {
            "serviceId": service,
            "identityId": str(metadata["id"]),
            "tags": tags_json(tenant, user, metadata),
            "account": metadata["account"] or None,
        },
    }


def native_json(secret: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of the token response, named as the original named them; times are milliseconds since the epoch."""
    native = {**secret["native"], "timestamp": secret["issued_at"]}
    if secret["expires_at"] is not None:
        native["expires_at"] = secret["expires_at"]
    native["access_token"] = str(secret["access_token"])
    return native


def tags_json(tenant: str, user: str, metadata: Mapping[str, Any]) -> dict[str, str]:
    """The keys native to the app, the user and the tenant among them."""
    return {"userId": user, "tenantId": tenant, **metadata["tags"]}
