"""`everyauth identity get`: a current credential as JSON."""

from __future__ import annotations

from everyauth_cli.cli.app import command
from everyauth_cli.cli.commands.identity import group
from everyauth_cli.cli.credentials import credential_of, demand_of
from everyauth_cli.cli.named_identity import ambiguous_as, nobody, service_and_who
from everyauth_cli.cli.options import MinTtl, Names, Rejected, ServiceOption, UserOption
from everyauth_cli.cli.session import Session
from everyauth_cli.flows.refresh import Demand
from everyauth_cli.store.credential import Credential


@command(group, "get")
def get(
    session: Session,
    names: Names = None,
    service: ServiceOption = None,
    user: UserOption = None,
    min_ttl: MinTtl = None,
    rejected: Rejected = False,
) -> None:
    """Print a current credential as JSON."""
    service, who = service_and_who(names or [], service, user)
    demand = demand_of(session, min_ttl, rejected)
    with ambiguous_as("everyauth identity get {}"):
        found = credential_of(session, service, who, demand) if service is not None else _of_any(session, who, demand)
    session.terminal.json(found.as_json())


def _of_any(session: Session, who: str, demand: Demand) -> Credential:
    """The current credential of the one identity of a user, whatever its service."""
    identity = session.auth.find_one(who)
    found = session.auth.credential(identity, demand=demand) if identity else None
    if found is None:
        raise nobody(session, who)
    return found
