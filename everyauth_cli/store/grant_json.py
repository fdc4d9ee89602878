"""A grant that is run again, as the JSON of its identity's record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from everyauth_cli.oauth.grant import GrantType, RepeatedGrant, SubjectIdentity


def grant_json(grant: RepeatedGrant) -> dict[str, Any]:
    """Return a grant as JSON; it holds no secret."""
    fields = {name: getattr(grant, name) for name in grant.__slots__}
    subject = grant.exchanged
    return fields | {"exchanged": {name: getattr(subject, name) for name in subject.__slots__} if subject else None}


def read_grant(fields: Mapping[str, Any]) -> RepeatedGrant:
    """Return the grant of `grant_json`, which an earlier version may have written without the fields that came later.

    Raises `TypeError`, `LookupError` or `ValueError` for anything else.
    """
    subject = fields.get("exchanged")
    exchanged = SubjectIdentity(**subject) if subject else None
    return RepeatedGrant(**{**fields, "grant_type": GrantType(fields["grant_type"]), "exchanged": exchanged})
