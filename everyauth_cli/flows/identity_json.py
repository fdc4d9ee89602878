"""The metadata of an identity as JSON, for other programs; it holds no secret."""

from __future__ import annotations

from typing import Any

from everyauth_cli.model import Identity
from everyauth_cli.oauth.grant import EndedGrant


def as_json(identity: Identity) -> dict[str, Any]:
    """Return an identity's metadata as JSON; times are milliseconds since the epoch."""
    account = identity.account
    return {
        "identityId": identity.id,
        "serviceId": identity.service,
        "tags": {"userId": identity.user, "tenantId": identity.tenant, **identity.tags},
        "account": {"subject": account.subject, "label": account.label} if account else None,
        "scope": identity.scope,
        "createdAt": identity.created_at,
        "updatedAt": identity.updated_at,
        "expiresAt": identity.expires_at,
        "refreshable": identity.refreshable,
        "jkt": identity.jkt or None,
        "loginRequired": _ended(identity.login_required) if identity.login_required else None,
    }


def _ended(grant: EndedGrant) -> dict[str, Any]:
    return {"since": grant.since, "reason": grant.reason, "reportedAt": grant.reported_at}
