"""What an authorization server remembers, and how it says no."""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass, field

PORT = re.compile(r"(?<=[^:/]):[0-9]{1,5}(?=/)")


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
    """A client as it is registered; without a secret it is a public one.

    With `any_port` its redirect URIs hold on every port (RFC 8252 section 7.3).
    """

    client_id: str
    client_secret: str | None = field(repr=False)
    redirect_uris: tuple[str, ...]
    any_port: bool = False

    def accepts(self, secret: str | None) -> bool:
        if self.client_secret is None:
            return not secret
        return hmac.compare_digest(self.client_secret.encode(), (secret or "").encode())

    def returns_to(self, uri: str) -> bool:
        """Whether a redirect URI is one that is registered, to the letter."""
        if not self.any_port:
            return uri in self.redirect_uris
        return PORT.sub("", uri, count=1) in [PORT.sub("", known, count=1) for known in self.redirect_uris]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifetimes:
    """How long things live, in seconds; an access token without a life does not expire."""

    access_token: int | None
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
    challenge: str | None
    until: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What one decision gave; its tokens are a family, which is revoked as a whole."""

    id: str
    client_id: str
    user: str
    scopes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """An authorization code's bindings (RFC 6749 section 4.1.2, RFC 7636 section 4.4)."""

    grant: Grant
    redirect_uri: str
    nonce: str | None = field(repr=False)
    challenge: str | None
    until: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """The grant that a token belongs to, and its end in milliseconds since the epoch, if it has one."""

    grant: Grant
    until: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """A pair of tokens about to be given: all that an answer may speak of.

    `issued_at` is milliseconds since the epoch, `expires_in` seconds; `nonce` is what an id token has to repeat.
    """

    client_id: str
    grant_id: str
    user: str
    scopes: tuple[str, ...]
    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    issued_at: int
    expires_in: int | None
    refreshed: bool
    nonce: str | None = field(repr=False)
