"""What an authorization server remembers, and how it says no."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field


class Refused(Exception):
    """A request that is not granted: `error` as in RFC 6749 sections 4.1.2.1 and 5.2.

    `redirect_to` is where the client is told of it; without one the person is.
    """

    def __init__(self, error: str, description: str, *, status: int = 400, redirect_to: str | None = None) -> None:
        super().__init__(description)
        self.error = error
        self.description = description
        self.status = status
        self.redirect_to = redirect_to


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """A client as it is registered; without a secret it is a public one."""

    client_id: str
    client_secret: str | None = field(repr=False)
    redirect_uris: tuple[str, ...]

    def accepts(self, secret: str | None) -> bool:
        if self.client_secret is None:
            return secret is None
        return hmac.compare_digest(self.client_secret.encode(), (secret or "").encode())


@dataclass(frozen=True, slots=True, kw_only=True)
class Lives:
    """How long things live, in seconds."""

    access_token: int
    code: int
    refresh_token: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """An authorization request that waits for a person's decision; `until` is milliseconds since the epoch."""

    transaction: str = field(repr=False)
    client_id: str
    redirect_uri: str
    scopes: tuple[str, ...]
    state: str | None = field(repr=False)
    nonce: str | None = field(repr=False)
    challenge: str
    until: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What one decision gave; its tokens are a family, which is revoked as a whole."""

    id: str
    client_id: str
    user: str
    scopes: tuple[str, ...]
    authenticated_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """An authorization code's bindings (RFC 6749 section 4.1.2, RFC 7636 section 4.4)."""

    grant: Grant
    redirect_uri: str
    nonce: str | None = field(repr=False)
    challenge: str
    until: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """The grant that a token belongs to, and its end in milliseconds since the epoch."""

    grant: Grant
    until: int
