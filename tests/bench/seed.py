"""Writes identities of one service to the store that the environment names: `python seed.py SERVICE COUNT`."""

from __future__ import annotations

import sys

from everyauth_cli.everyauth import EveryAuth
from everyauth_cli.flows.freshness import now_ms
from everyauth_cli.model import DEFAULT_USER, Account, Identity, Secret, Service, Token
from everyauth_cli.store.identities import StoredIdentity, identity_key, save_identity
from everyauth_cli.urls import origin

YEAR = 365 * 24 * 3_600_000
SCOPE = "openid read write"


def identity_of(service: Service, user: str, *, now: int) -> StoredIdentity:
    """Make an identity whose token is fresh for a year, and as large as one with an id token."""
    native = {"scope": SCOPE, "token_type": "bearer", "id_token": "e" * 900}
    token = Token(
        access_token=Secret(f"access-token-of-{user}"),
        refresh_token=Secret(f"refresh-token-of-{user}"),
        scope=SCOPE,
        issued_at=now,
        expires_at=now + YEAR,
        native=Secret(native),
    )
    identity = Identity(
        id=f"idn-{service.name}-{user}",
        service=service.name,
        user=user,
        tenant=user,
        tags={},
        scope=SCOPE,
        account=Account(subject=user, label=f"{user}@example.com"),
        created_at=now,
        granted_at=now,
        updated_at=now,
        expires_at=token.expires_at,
        refreshable=True,
        client_id="id",
        origins={"token_endpoint": origin(service.token_endpoint)},
    )
    return StoredIdentity(identity=identity, token=token)


def main() -> None:
    """Set a client and write the identities: the default user's first, the others by number."""
    name, count = sys.argv[1], int(sys.argv[2])
    auth = EveryAuth.from_env()
    service = auth.catalogue.get(name)
    auth.clients.set(service, client_id="id", client_secret=Secret("client-secret"))
    for user in [DEFAULT_USER, *(f"user-{number}" for number in range(1, count))]:
        save_identity(auth.store, identity_key(auth.profile, name, user=user), identity_of(service, user, now=now_ms()))


if __name__ == "__main__":
    main()
