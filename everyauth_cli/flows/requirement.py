"""The requirement of a caller on an access token: its remaining lifetime, and the token that it must not be."""

from __future__ import annotations

from dataclasses import dataclass

from everyauth_cli.errors import LifetimeTooShort
from everyauth_cli.flows.freshness import issued_lifetime
from everyauth_cli.model import Secret
from everyauth_cli.store.identities import StoredIdentity


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """A requirement of a token: at least `min_ttl` milliseconds of remaining lifetime, and not this one.

    `rejected` is one that an API answered with 401 (RFC 6750 section 3.1), `replaced` one that is to be refreshed
    although nothing is wrong with it. A caller that `signs` can present a token that is bound to a key (RFC 9449).
    """

    min_ttl: int = 0
    rejected: Secret[str] | None = None
    replaced: Secret[str] | None = None
    signs: bool = False

    def excludes(self, access_token: str) -> bool:
        """Whether that access token does not meet the requirement, whatever its lifetime."""
        if self.rejected is None and self.replaced is None:
            return False
        return Secret(access_token) in (self.rejected, self.replaced)


CURRENT = Requirement()
"""The default: any token that has not expired."""


SIGNING = Requirement(signs=True)
"""The same of a caller that signs."""


def requirement(min_ttl: int, rejected: str | Secret[str] | None, *, signs: bool = False) -> Requirement:
    """Make the requirement of a caller, who may give the rejected token as a plain text."""
    if not min_ttl and not rejected:
        return SIGNING if signs else CURRENT
    rejected = Secret(rejected) if isinstance(rejected, str) else rejected
    return Requirement(min_ttl=min_ttl, rejected=rejected, signs=signs)


def check_lifetime(stored: StoredIdentity, requirement: Requirement) -> StoredIdentity:
    """Raise `LifetimeTooShort` where the service issues no token that lives long enough."""
    issued = issued_lifetime(stored.token)
    if issued is not None and requirement.min_ttl and issued <= requirement.min_ttl:
        raise LifetimeTooShort(
            f"{stored.identity.service} issues tokens for {issued // 1000} s, "
            f"and {requirement.min_ttl // 1000} s are required",
            hint="require less with --min-ttl",
        )
    return stored
