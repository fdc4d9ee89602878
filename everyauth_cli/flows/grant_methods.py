"""The methods of `EveryAuth` that get a token without a browser."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from everyauth_cli.errors import raised_anew
from everyauth_cli.flows.composition import HasFlows
from everyauth_cli.model import DEFAULT_USER

if TYPE_CHECKING:
    from everyauth_cli.flows.login import Grant


@raised_anew
def client_credentials(
    self: HasFlows,
    name: str,
    *,
    user: str = DEFAULT_USER,
    tenant: str = "",
    tags: Mapping[str, str] | None = None,
    scope: str = "",
) -> Grant:
    """Get a token for the client itself, without a user or a browser (RFC 6749 section 4.4); stores nothing.

    No scope is requested but the given one. Once it is kept, the grant is run again where others are refreshed.
    Raises what `begin` does, and `ServiceError` and `ClientRejected`.
    """
    return self._flows.login.client_credentials(name, user=user, tenant=tenant, tags=tags or {}, scope=scope)
