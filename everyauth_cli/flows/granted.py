"""The grant of a login: a token that is not stored yet, and the identity that it makes or renews."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from everyauth_cli.errors import OtherAccount
from everyauth_cli.flows.hints import user_of_tenant
from everyauth_cli.model import ID_PREFIX, Identity, Token
from everyauth_cli.oauth.dpop import thumbprint

if TYPE_CHECKING:
    from everyauth_cli.oauth.grant import RepeatedGrant
    from everyauth_cli.oauth.login_request import LoginRequest
    from everyauth_cli.store.identities import StoredIdentity


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """A token that answers a login request, not stored yet, however it was obtained.

    `redirect_uri` is that of the authorization code flow, which some services want again at a refresh; it is empty
    for other grant types. `params` are the values of placeholders in its authorization response. `origins` are those
    of the endpoints that may be sent the tokens, by key; the grant is bound to the `resource` too, and at a server that
    is known by its URL to its `issuer`. `missing_scopes` were requested and not granted. A `repeated` grant is run
    again in place of a refresh.
    """

    request: LoginRequest
    token: Token
    origins: Mapping[str, str]
    redirect_uri: str = ""
    params: Mapping[str, str] = field(default_factory=dict)
    missing_scopes: Sequence[str] = ()
    issuer: str = ""
    resource: str = ""
    repeated: RepeatedGrant | None = None


def check_account(before: Identity, grant: Grant) -> None:
    """Raise `OtherAccount` unless a login is for the stored account, as far as that is known.

    A user's account is never a client's, even where the service does not name it.
    """
    account, is_same_kind = grant.token.account, (before.repeated is None) == (grant.repeated is None)
    if is_same_kind and (before.account is None or (account and account.subject == before.account.subject)):
        return
    unnamed = "an account that the service did not name"
    other = account.label if account else unnamed
    user, stored = user_of_tenant(before.user, before.tenant), before.account.label if before.account else unnamed
    raise OtherAccount(
        f"the stored account of user {user} at {before.service} is {stored}, but this login is for {other}",
        hint="log in as another user to keep both, or with replace_account",
    )


def identity_of(grant: Grant, before: StoredIdentity | None) -> Identity:
    """Make the identity of a grant; `refreshed` fills in what the token says."""
    now, known = grant.token.issued_at, before.identity if before else _new_identity(grant)
    return replace(
        known,
        tags={**known.tags, **grant.request.tags},
        granted_at=now,
        client_id=grant.request.client_id,
        origins=grant.origins,
        redirect_uri=grant.redirect_uri,
        issuer=grant.issuer,
        resource=grant.resource,
        params=grant.params,
        repeated=grant.repeated,
        jkt=thumbprint(grant.token.proof_key) if grant.token.proof_key else "",
    )


def _new_identity(grant: Grant) -> Identity:
    request, now = grant.request, grant.token.issued_at
    return Identity(
        id=ID_PREFIX + secrets.token_hex(8),
        service=request.service,
        user=request.user,
        tenant=request.tenant,
        tags={},
        scope=None,
        account=None,
        created_at=now,
        granted_at=now,
        updated_at=now,
        expires_at=None,
        refreshable=False,
        client_id=request.client_id,
        origins=grant.origins,
    )
