"""What differs from one service's answers to another's."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """One pair of tokens about to be given: all that an answer may speak of. Times are seconds since the epoch.

    `sign` makes an id token of its claims; `nonce` is what it has to repeat (OpenID Connect Core section 3.1.2.1).
    """

    client_id: str
    grant_id: str
    user: str
    authenticated_at: int
    scopes: tuple[str, ...]
    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    issued_at: int
    expires_in: int
    refreshed: bool
    nonce: str | None = field(repr=False)
    sign: Callable[[Mapping[str, Any]], str] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """One service's documented way to speak OAuth 2.0.

    `scopes` turns the parameter `scope` into what is granted, `user` a user's name into the answer of
    `user_path`; `unauthorized` is that path's answer to a token that does not hold; `revocation` says whether
    the service can be asked to revoke a token (RFC 7009).
    """

    name: str
    title: str
    denial: str
    user_path: str
    unauthorized: Mapping[str, Any]
    revocation: bool
    scopes: Callable[[str], tuple[str, ...]]
    access_token: Callable[[], str]
    refresh_token: Callable[[], str]
    token_answer: Callable[[Issue], dict[str, Any]]
    user: Callable[[str], dict[str, Any]]


def base64url(value: bytes) -> str:
    """Base64url without padding (RFC 7515 section 2)."""
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def token_hash(access_token: str) -> str:
    """The claim `at_hash`: the left half of the token's hash (OpenID Connect Core section 3.1.3.6)."""
    return base64url(hashlib.sha256(access_token.encode()).digest()[:16])
