"""The assertion by which a client authenticates with a private key (RFC 7523 sections 2.2 and 3)."""

from __future__ import annotations

from everyauth_cli.model import Client, Secret, Service
from everyauth_cli.oauth.assertion import new_jti, signed_assertion
from everyauth_cli.services.rules import AssertionAudience

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
TYPE = "client-authentication+jwt"


def client_assertion(service: Service, client: Client, *, now: int) -> Secret[str]:
    """Return a JWT that is good for one request; `now` is milliseconds since the epoch.

    Raises `ConfigurationProblem` where the service takes no algorithm that the key signs with.
    """
    claims = {"iss": client.client_id, "sub": client.client_id, "aud": audience(service), "jti": new_jti()}
    return signed_assertion(service, client, claims, typ=TYPE, now=now)


def signed_client_secret(service: Service, client: Client, *, now: int) -> Secret[str]:
    """Return a client secret that is a JWT of the client's private key, good for one request.

    Raises `ConfigurationProblem` where the service takes no algorithm that the key signs with.
    """
    claims = {**service.client_assertion.secret_claims, "sub": client.client_id}
    kid = claims.pop("kid", "")
    return signed_assertion(service, client, claims, typ="JWT", now=now, kid=kid)


def audience(service: Service) -> str:
    """Return the one audience of an assertion, wherever it is sent: the issuer, where the service is known to have one.

    A server that an assertion was not made for can then do nothing with it (FAPI 2.0 section 5.3.2.1).
    """
    is_issuer = service.client_assertion.audience is AssertionAudience.ISSUER
    return service.issuer if is_issuer and service.issuer else service.token_endpoint
