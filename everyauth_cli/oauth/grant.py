"""A grant as an identity remembers it: whose it is, how it is run again in place of a refresh, and how it ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class GrantType(StrEnum):
    """The grant types that bring no refresh token."""

    CLIENT_CREDENTIALS = "client_credentials"
    """RFC 6749 section 4.4."""
    JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
    """RFC 7523 section 2.1."""
    TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
    """RFC 8693 section 2.1."""
    ID_JAG = "urn:ietf:params:oauth:grant-profile:id-jag"
    """A token exchange and the JWT bearer grant, as draft-ietf-oauth-identity-assertion-authz-grant has them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectIdentity:
    """The stored identity whose token a grant presents, of the same profile.

    Its names find it, because a new login may have another `id`. `account` is the subject of the account that it had
    when the grant was run first, empty where that was not known.
    """

    id: str
    service: str
    tenant: str
    user: str
    account: str


def only_grant(supported: Sequence[str]) -> GrantType | None:
    """Return the one grant of a service that has no other, if a login can run it unless its options name another."""
    return GrantType.JWT_BEARER if [*supported] == [GrantType.JWT_BEARER] else None


GIVEN = "-"
"""An assertion comes from whoever runs the grant, who gives it once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RepeatedGrant:
    """A grant that is run again in place of a refresh, with the scope that it was requested with (empty: none).

    An assertion (RFC 7523) is about `subject`, by default our client. `assertion_from` says where one that another
    party signed comes from, such as "github" or "file:PATH"; without it our client's private key signs one. An
    `audience` is that of an assertion, where it is not the usual one, or of the token that is requested in exchange for
    the token of `exchanged` (RFC 8693). An identity provider `idp`, a service too, issues an ID-JAG for an ID token:
    one of `exchanged`, or the one that `assertion_from` has.
    """

    grant_type: GrantType
    scope: str
    subject: str = ""
    assertion_from: str = ""
    audience: str = ""
    exchanged: SubjectIdentity | None = None
    idp: str = ""

    @property
    def can_repeat(self) -> bool:
        """Whether it can be run again: an assertion that was given once is not kept."""
        return self.assertion_from != GIVEN

    @property
    def is_signed_by_us(self) -> bool:
        """Whether our client's private key signs the assertion that it presents (RFC 7523 section 3)."""
        return self.grant_type is GrantType.JWT_BEARER and not self.assertion_from


class LoginReason(StrEnum):
    """The kinds of reasons why a login is needed."""

    ENDED = "ended"
    """The grant was revoked or has expired."""
    REFUSED = "refused"
    """The refresh of an expired token was refused for another reason; it is tried again."""
    ACCOUNT_CHANGED = "account_changed"
    """The tokens are of another account now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedGrant:
    """Marks a grant as revoked or expired: since when, why, and when it was reported (milliseconds since the epoch)."""

    since: int
    reason: str
    reported_at: int | None = None
    kind: LoginReason = LoginReason.ENDED


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """The subject of an id token, unique at its issuer only (OpenID Connect Core section 2)."""

    iss: str
    sub: str
