"""Assertions that our client's private key signs (RFC 7523 section 3)."""

from __future__ import annotations

import secrets
from collections.abc import Mapping

from everyauth_cli.errors import ConfigurationProblem
from everyauth_cli.model import Client, Secret, Service
from everyauth_cli.oauth.jwk import algorithm_of, kind_of, public_fields
from everyauth_cli.oauth.late_jose import jose

LIFETIME_SECONDS = 60


def signed_assertion(
    service: Service, client: Client, claims: Mapping[str, str], *, typ: str, now: int, kid: str = ""
) -> Secret[str]:
    """Return a JWT with these claims that is good for one request; `now` is milliseconds since the epoch.

    The `kid` in its header is the key's, unless it is given.

    Raises `ConfigurationProblem` where the service takes no algorithm that the key signs with.
    """
    key, issued_at = client.private_keys[0], now // 1000
    header = {"alg": _algorithm(service, key), "typ": typ, "kid": kid or public_fields(key)["kid"]}
    times = {"iat": issued_at, "exp": issued_at + LIFETIME_SECONDS}
    assertion: Secret[str] = jose().signed(header, {**claims, **times}, key)
    return assertion


def new_jti() -> str:
    """Return an identifier that no other assertion has, by which a server notices a replay."""
    return secrets.token_urlsafe(24)


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
