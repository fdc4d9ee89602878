"""The state of an authorization server: clients, authorization requests, codes, grants and tokens."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from everyauth_cli.oauth import base64url

PORT = re.compile(r"(?<=[^:/]):[0-9]{1,5}(?=/)")
LOOPBACK = re.compile(r"http://(127\.0\.0\.1|localhost|\[::1\])(:[0-9]{1,5})?/[^\s#]{0,2000}")
VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")


class OAuthError(Exception):
    """An error response: `error` is a code of RFC 6749 sections 4.1.2.1 and 5.2, or of RFC 8628 section 3.5.

    A `slow_down` has the new `interval`. It is sent to `redirect_to`, which has it in its query, or shown to the user
    if that is None.
    """

    def __init__(
        self, error: str, description: str, *, status: int = 400, redirect_to: str | None = None, interval: int = 0
    ) -> None:
        super().__init__(description)
        self.error = error
        self.description = description
        self.status = status
        self.redirect_to = redirect_to
        self.interval = interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """A registered client; without a secret it is a public one. With a `public_key` it signs what authenticates it.

    With `any_port` its redirect URIs are valid with every port (RFC 8252 section 7.3); with `any_loopback` so is each
    http URI on loopback.
    """

    client_id: str
    client_secret: str | None = field(repr=False)
    redirect_uris: tuple[str, ...]
    any_port: bool = False
    any_loopback: bool = False
    public_key: Mapping[str, str] | None = None

    def has_secret(self, secret: str | None) -> bool:
        """Whether that is the client's secret; a public client has none."""
        if self.client_secret is None:
            return not secret
        return hmac.compare_digest(self.client_secret.encode(), (secret or "").encode())

    def has_redirect_uri(self, uri: str) -> bool:
        """Whether a redirect URI is exactly one of the registered ones, or one on loopback where these all are."""
        if self.any_loopback and LOOPBACK.fullmatch(uri):
            return True
        if not self.any_port:
            return uri in self.redirect_uris
        return PORT.sub("", uri, count=1) in [PORT.sub("", known, count=1) for known in self.redirect_uris]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifetimes:
    """Lifetimes in seconds, and the interval of polls; an access token without one does not expire."""

    access_token: int | None
    code: int
    refresh_token: int
    device_code: int
    device_interval: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizationRequest:
    """An authorization request that waits for the user's consent; `expires_at` is milliseconds since the epoch."""

    transaction: str = field(repr=False)
    client_id: str
    redirect_uri: str
    scopes: tuple[str, ...]
    state: str | None = field(repr=False)
    nonce: str | None = field(repr=False)
    code_challenge: str | None
    expires_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """A user's consent to one request; its tokens form a family, which is revoked as a whole.

    One `of_client` is a client's own, without a user.
    """

    id: str
    client_id: str
    user: str
    scopes: tuple[str, ...]
    of_client: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizationCode:
    """The values that a code is bound to (RFC 6749 section 4.1.2, RFC 7636 section 4.4)."""

    grant: Grant
    redirect_uri: str
    nonce: str | None = field(repr=False)
    code_challenge: str | None
    expires_at: int

    def is_proved_by(self, verifier: str) -> bool:
        return is_proved_by(self.code_challenge, verifier)


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedToken:
    """The grant that a token belongs to, and its expiry in milliseconds since the epoch, if it has one.

    A refresh token `replaces` the one before it.
    """

    grant: Grant
    expires_at: int | None
    replaces: str = field(default="", repr=False)

    def has_expired(self, now: int) -> bool:
        """Whether it has expired by that time, in milliseconds since the epoch."""
        return self.expires_at is not None and now >= self.expires_at

    def remaining(self, now: int) -> int:
        """Return the remaining lifetime in seconds, 0 where it has no end."""
        return 0 if self.expires_at is None else (self.expires_at - now) // 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenSet:
    """The tokens of one token response, and everything else that a response may contain.

    `issued_at` is milliseconds since the epoch; `expires_in` is seconds, and so is `refresh_expires_in`, which is what
    is left to the refresh token. The id token has to repeat the `nonce`.
    """

    client_id: str
    grant_id: str
    user: str
    scopes: tuple[str, ...]
    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    issued_at: int
    expires_in: int | None
    refresh_expires_in: int
    refreshed: bool
    of_client: bool = False
    nonce: str | None = field(repr=False)


def is_proved_by(code_challenge: str | None, verifier: str) -> bool:
    """Whether the verifier matches the code challenge, if there is one."""
    if code_challenge is None:
        return True
    digest = base64url.encode(hashlib.sha256(verifier.encode()).digest())
    return bool(VERIFIER.fullmatch(verifier)) and hmac.compare_digest(digest, code_challenge)
