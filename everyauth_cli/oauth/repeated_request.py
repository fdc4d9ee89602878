"""The token request of a grant that has no refresh token: it is sent again in place of a refresh."""

from __future__ import annotations

from everyauth_cli.model import Client, Request, Service
from everyauth_cli.oauth.client_credentials import client_credentials_request
from everyauth_cli.oauth.grant import GrantType, RepeatedGrant


def repeated_request(service: Service, client: Client, grant: RepeatedGrant, *, now: int) -> Request:
    """Return the request that runs a grant, for the first time or again, at a time in milliseconds since the epoch."""
    match grant.grant_type:
        case GrantType.CLIENT_CREDENTIALS:
            return client_credentials_request(service, client, scope=grant.scope, now=now)
