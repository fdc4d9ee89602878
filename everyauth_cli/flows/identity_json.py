"""An identity as it is shown to people's programs: its public half, in which no secret is."""

from __future__ import annotations

from typing import Any

from everyauth_cli.model import Identity


def as_json(identity: Identity) -> dict[str, Any]:
    """The public half of an identity as JSON; times are milliseconds since the epoch."""
    gone, account = identity.login_required, identity.account
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
        "login_required": {"since": gone.since, "reason": gone.reason, "reportedAt": gone.reported_at}
        if gone
        else None,
    }
