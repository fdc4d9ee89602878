"""The JWT bearer grant (RFC 7523 section 2.1): a token for an assertion, which our key or another party signs."""

from __future__ import annotations

from everyauth_cli.model import Client, Request, Secret, Service
from everyauth_cli.oauth.assertion import signed_assertion
from everyauth_cli.oauth.client_assertion import audience
from everyauth_cli.oauth.grant import GrantType, RepeatedGrant
from everyauth_cli.oauth.request_form import Fields
from everyauth_cli.oauth.token_endpoint import token_request

TYPE = "JWT"


def jwt_bearer_request(
    service: Service, client: Client, assertion: Secret[str], *, scope: str, now: int | None = None
) -> Request:
    """Return the token request that presents an assertion (RFC 7521 section 4.1); an empty scope requests none."""
    fields: Fields = {"grant_type": GrantType.JWT_BEARER.value, "assertion": assertion}
    return token_request(
        service, client, service.token_endpoint, {**fields, **({"scope": scope} if scope else {})}, now=now
    )


def own_assertion(service: Service, client: Client, grant: RepeatedGrant, *, now: int) -> Secret[str]:
    """Return the assertion of a grant that our client's private key signs (RFC 7523 section 3).

    Raises `ConfigurationProblem` where the service takes no algorithm that the key signs with.
    """
    claims = {"iss": client.client_id, "sub": grant.subject or client.client_id, "aud": audience(service)}
    return signed_assertion(service, client, claims, typ=TYPE, now=now)
