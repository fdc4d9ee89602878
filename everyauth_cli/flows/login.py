"""What a login brought, and whether it may take the place of what is held."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace

from everyauth_cli.errors import OtherAccount
from everyauth_cli.model import ID_PREFIX, Identity, Pending, Token
from everyauth_cli.store.identity_record import StoredIdentity


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """A login that was redeemed and is not kept yet."""

    pending: Pending
    token: Token
    missing_scopes: Sequence[str] = ()


def check_account(before: Identity, token: Token) -> None:
    """Raise `OtherAccount` unless a login is for the account that is held, as far as that is known."""
    if before.account is None or (token.account and token.account.subject == before.account.subject):
        return
    other = token.account.label if token.account else "one that the service did not name"
    raise OtherAccount(
        f"{before.user} at {before.service} is the account {before.account.label}, and this login came back as {other}",
        hint="log in as another user to keep both, or say that the account is to be replaced",
    )


def identity_of(pending: Pending, before: StoredIdentity | None, *, now: int) -> Identity:
    """The identity that a login makes; what the token says is filled in by `refreshed`."""
    if before is not None:
        return replace(
            before.identity,
            tags={**before.identity.tags, **pending.tags},
            granted_at=now,
            client_id=pending.client_id,
            token_endpoint=pending.token_endpoint,
            redirect_uri=pending.redirect_uri,
        )
    return Identity(
        id=ID_PREFIX + secrets.token_hex(8),
        service=pending.service,
        user=pending.user,
        tenant=pending.tenant,
        tags=dict(pending.tags),
        scope=None,
        account=None,
        created_at=now,
        granted_at=now,
        updated_at=now,
        expires_at=None,
        refreshable=False,
        client_id=pending.client_id,
        token_endpoint=pending.token_endpoint,
        redirect_uri=pending.redirect_uri,
    )
