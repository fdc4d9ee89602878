"""The token request of a grant that has no refresh token: it is sent again in place of a refresh."""

from __future__ import annotations

from everyauth_cli.model import Client, Request, Secret, Service
from everyauth_cli.oauth.client_credentials import client_credentials_request
from everyauth_cli.oauth.grant import GrantType, RepeatedGrant
from everyauth_cli.oauth.jwt_bearer import jwt_bearer_request, own_assertion_request
from everyauth_cli.oauth.token_exchange import access_token_request


def repeated_request(
    service: Service,
    client: Client,
    grant: RepeatedGrant,
    *,
    presented: Secret[str] | None,
    now: int,
) -> Request:
    """Return the request that runs a grant, for the first time or again, at a time in milliseconds since the epoch.

    `presented` is the token that it presents: an assertion (RFC 7521 section 4.1) or a subject token (RFC 8693).
    """
    match grant.grant_type:
        case GrantType.CLIENT_CREDENTIALS:
            return client_credentials_request(service, client, scope=grant.scope, presented=presented, now=now)
        case GrantType.JWT_BEARER:
            if presented is None:
                return own_assertion_request(service, client, grant, now=now)
            return jwt_bearer_request(service, client, presented, scope=grant.scope, now=now)
        case GrantType.TOKEN_EXCHANGE:
            assert presented is not None
            return access_token_request(service, client, grant, presented, now=now)
        case GrantType.ID_JAG:
            assert presented is not None
            return jwt_bearer_request(service, client, presented, scope=grant.scope, now=now)
