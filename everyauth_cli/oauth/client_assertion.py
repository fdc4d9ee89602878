"""The assertion by which a client authenticates with a private key (RFC 7523 sections 2.2 and 3)."""

from __future__ import annotations

import secrets

from everyauth_cli.errors import ConfigurationProblem
from everyauth_cli.model import Client, Secret, Service
from everyauth_cli.oauth.jwk import algorithm_of, kind_of, public_fields
from everyauth_cli.oauth.late_jose import jose
from everyauth_cli.services.rules import AssertionAudience

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
TYPE = "client-authentication+jwt"
LIFETIME_SECONDS = 60


def client_assertion(service: Service, client: Client, *, now: int) -> Secret[str]:
    """Return a JWT that is good for one request; `now` is milliseconds since the epoch.

    Raises `ConfigurationProblem` where the service takes no algorithm that the key signs with.
    """
    key, issued_at = client.private_keys[0], now // 1000
    header = {"alg": _algorithm(service, key), "typ": TYPE, "kid": public_fields(key)["kid"]}
    claims = {
        "iss": client.client_id,
        "sub": client.client_id,
        "aud": audience(service),
        "jti": secrets.token_urlsafe(24),
        "iat": issued_at,
        "exp": issued_at + LIFETIME_SECONDS,
    }
    assertion: Secret[str] = jose().signed(header, claims, key)
    return assertion


def audience(service: Service) -> str:
    """Return the one audience of an assertion, wherever it is sent: the issuer, where the service is known to have one.

    A server that an assertion was not made for can then do nothing with it (FAPI 2.0 section 5.3.2.1).
    """
    is_issuer = service.client_assertion.audience is AssertionAudience.ISSUER
    return service.issuer if is_issuer and service.issuer else service.token_endpoint


def _algorithm(service: Service, key: Secret[str]) -> str:
    accepted = service.client_assertion.signing_algs
    found = algorithm_of(key, accepted)
    if found is None:
        raise ConfigurationProblem(
            f"the private key ({kind_of(key)}) for {service.name} signs with none of {', '.join(accepted)}; "
            "nothing was sent",
            hint=f"make one that does: everyauth service key {service.registered_at.name} --rotate",
        )
    return found
