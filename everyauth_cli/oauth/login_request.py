"""A request for access to an account, whatever the grant type that answers it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from everyauth_cli.model import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The terms of a login: the service, by its name, the user whose login it is, and what is requested.

    A `scope` of None is the default one, and an empty one requests none; so does an empty `resource` (RFC 8707). With
    `dpop` the token is to be bound to a key (RFC 9449).
    """

    service: str
    user: str
    tenant: str
    tags: Mapping[str, str]
    scope: str | None
    resource: str
    dpop: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginRequest:
    """A request for access to a user's account at a service, whatever the grant type that answers it.

    `scope` is empty to request none, and so is `resource` (RFC 8707). The request is to be answered by `token_endpoint`
    with a token for `client_id`; `issuer` is that of its authorization server, None where it is not known.
    `started_at` is milliseconds since the epoch. With a `proof_key` (a JWK) the token is to be bound to it (RFC 9449).
    """

    service: str
    user: str
    tenant: str
    tags: Mapping[str, str]
    scope: str
    client_id: str
    token_endpoint: str
    started_at: int
    resource: str = ""
    issuer: str | None = None
    proof_key: Secret[str] | None = None
