"""The JWT bearer grant at the sandbox's token endpoint (RFC 7523 section 2.1)."""

from __future__ import annotations

import uuid
from collections.abc import Mapping

from everyauth_cli.model import Service
from everyauth_cli.oauth.grant import GrantType
from everyauth_cli.sandbox.client_authentication import Assertions, required
from everyauth_cli.sandbox.grants import Grant, OAuthError, Registration
from everyauth_cli.sandbox.responses import Responses
from everyauth_cli.services.rules import PrivateKeyUse, ScopePlace


def jwt_bearer_grant(
    responses: Responses, assertions: Assertions, clients: Mapping[str, Registration], form: Mapping[str, str]
) -> Grant:
    """Return the grant for an assertion that a client's key signed; raises `OAuthError`."""
    service = responses.service
    if service.grant_types_supported and GrantType.JWT_BEARER not in service.grant_types_supported:
        raise OAuthError("unsupported_grant_type", "This grant_type is not supported.")
    client, claims = assertions.grant(clients, required(form, "assertion"))
    from_claims = service.jwt_bearer.scope_in is ScopePlace.ASSERTION
    return Grant(
        id=str(uuid.uuid4()),
        client_id=client.client_id,
        user=str(claims.get("sub", client.client_id)),
        scopes=responses.granted_scopes(str((claims if from_claims else form).get("scope", ""))),
        of_client=True,
    )


def authenticates_besides(service: Service) -> bool:
    """Return whether a client authenticates in that grant besides, although its key signed the assertion."""
    return service.client_assertion.key_use is not PrivateKeyUse.JWT_BEARER
