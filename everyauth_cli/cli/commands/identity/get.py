"""`everyauth identity get`: print a current credential as JSON."""

from __future__ import annotations

from everyauth_cli.cli.app import command
from everyauth_cli.cli.commands.identity import group
from everyauth_cli.cli.credentials import credential_of, requirement_of
from everyauth_cli.cli.named_identity import Named, ambiguous_as, not_found, service_and_who
from everyauth_cli.cli.options import MinTtl, Names, Rejected, ServiceOption, UserOption
from everyauth_cli.cli.session import Session
from everyauth_cli.flows.requirement import Requirement
from everyauth_cli.services import EXAMPLE
from everyauth_cli.store.credential import Credential


@command(
    group,
    "get",
    examples=[
        "everyauth identity get user-123",
        f"everyauth identity get {EXAMPLE} user-123 --min-ttl 10m",
    ],
)
def get(
    session: Session,
    names: Names = None,
    service: ServiceOption = None,
    user: UserOption = None,
    min_ttl: MinTtl = None,
    rejected: Rejected = False,
) -> None:
    """Print a current credential as JSON.

    It has the access token, refreshed first if it has expired, and never a refresh token.
    """
    service, who = service_and_who(names or [], service, user)
    requirement = requirement_of(session, min_ttl, rejected)
    with ambiguous_as("everyauth identity get {}"):
        if service is None:
            found = _of_any(session, who, requirement)
        else:
            found = credential_of(session, service, who, requirement)
    session.terminal.json(found.as_json())


def _of_any(session: Session, named: Named, requirement: Requirement) -> Credential:
    """The current credential of the one identity of a user, whatever its service."""
    identity = session.auth.find_one(named.user, identity_id=named.identity_id)
    if identity is not None:
        found = session.auth.credential(identity, min_ttl=requirement.min_ttl, rejected=requirement.rejected)
        if found is not None:
            return found
    raise not_found(session, named)
