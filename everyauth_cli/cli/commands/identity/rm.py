"""`everyauth identity rm`: an identity, revoked at the service and deleted here."""

from __future__ import annotations

from everyauth_cli.cli.app import command
from everyauth_cli.cli.commands.identity import group
from everyauth_cli.cli.logout import end, find
from everyauth_cli.cli.named_identity import nobody, service_and_who
from everyauth_cli.cli.options import LocalOption, Names, ServiceOption, UserOption, YesOption
from everyauth_cli.cli.session import Session


@command(group, "rm")
def rm(
    session: Session,
    names: Names = None,
    service: ServiceOption = None,
    user: UserOption = None,
    local: LocalOption = False,
    yes: YesOption = False,
) -> None:
    """Revoke an identity's tokens at the service, and delete it here."""
    service, who = service_and_who(names or [], service, user, command="everyauth identity rm")
    name = session.auth.service_name(service) if service is not None else ""
    wanted = find(session, "everyauth identity rm {}", name, who, local=local, yes=yes)
    if wanted is None:
        raise nobody(session, who, command="everyauth identity rm")
    end(session, wanted, local=local, asks=True, yes=yes)
